use std::sync::Arc;

use obo_core::{ActorToken, Secret, Target, TokenEndpointError, TokenType};

use crate::idp::client_auth::{Closure, Given};

/// Whose token names the acting service, where a server does not infer it from how the client authenticates (OT-02).
///
/// Without one no `actor_token` is sent.
///
/// If the server refuses an exchange and the actor's token may be the reason, the token is fetched once more and the
/// exchange is tried once more with it. A refusal that no new token changes causes at most one new token in 30 s.
///
/// A refusal that does not name the user's token is not blamed on the user: it is
/// [`ClientMisconfigured`](crate::error::ExchangeErrorKind::ClientMisconfigured). It is
/// [`SubjectInvalid`](crate::error::ExchangeErrorKind::SubjectInvalid) if the same actor works for others, or if the error is
/// `invalid_grant` although the server has just issued the actor's token by client credentials.
#[derive(Clone, Debug)]
pub struct ActorSource(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Fixed(ActorToken),
    Fetched { token_type: TokenType, fetch: Fetch },
    ClientCredentials(Option<Arc<Target>>),
}

type Fetch = Closure<dyn Fn() -> Given<Secret> + Send + Sync>;

impl ActorSource {
    /// This token, as long as it lives.
    pub fn fixed(token: ActorToken) -> Self {
        Self(Kind::Fixed(token))
    }

    /// What `fetch` gives for each exchange, such as a token that the platform renews.
    ///
    /// A token at hand stays good while the actor's own token is renewed.
    ///
    /// ```
    /// use obo::exchange::ActorSource;
    /// use obo::Secret;
    /// use obo::token::TokenType;
    /// use obo::token_endpoint::{ErrorClass, TokenEndpointError};
    ///
    /// # async fn of_the_platform() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let actor = ActorSource::fetched(TokenType::JWT, || async {
    ///     of_the_platform().await.map(Secret::new).map_err(|error| {
    ///         TokenEndpointError::new(ErrorClass::Transient, error.to_string())
    ///     })
    /// });
    /// ```
    pub fn fetched<F>(token_type: TokenType, fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Secret, TokenEndpointError>> + Send + 'static,
    {
        Self(Kind::Fetched {
            token_type,
            fetch: Closure(Arc::new(move || Box::pin(fetch()))),
        })
    }

    /// The service's own access token, by client credentials (RFC 6749 section 4.4), kept and renewed like any other.
    pub fn client_credentials() -> Self {
        Self(Kind::ClientCredentials(None))
    }

    /// The same, addressed to `target`: some servers take an actor's token only if it is addressed to themselves.
    pub fn client_credentials_for(target: impl Into<Target>) -> Self {
        Self(Kind::ClientCredentials(Some(Arc::new(target.into()))))
    }
}
