use std::path::PathBuf;
use std::sync::Arc;

use obo_core::{ActorToken, ConfigError, Secret, Target, TokenEndpointError, TokenType};

use crate::idp::client_auth::{Closure, CredentialFile, Given};

/// The source of the `actor_token` (RFC 8693 section 2.1), which names the acting service. Needed
/// if the server does not infer the actor from the authenticated client.
///
/// By default no `actor_token` is sent.
///
/// If the server refuses an exchange and the actor's token may be the reason, a new token is
/// fetched and the exchange is tried once more. A refusal that no new token changes causes at most
/// one new token in 30 s.
///
/// A refusal that does not name the user's token is blamed on this service:
/// [`ClientMisconfigured`](crate::error::ExchangeErrorKind::ClientMisconfigured). It is
/// [`SubjectInvalid`](crate::error::ExchangeErrorKind::SubjectInvalid) if the same actor works for
/// other users, or if the error is `invalid_grant` although the server has just issued the actor's
/// token by client credentials.
#[derive(Clone, Debug)]
pub struct ActorSource(pub(super) Kind);

impl ActorSource {
    /// Which actor it is, for the names of shared tokens.
    pub(super) fn description(&self) -> String {
        match &self.0 {
            Kind::Fixed(token) => format!("fixed {}", token.identity()),
            Kind::Fetched { token_type, .. } => format!("fetched {}", token_type.as_str()),
            Kind::ClientCredentials(None) => "own".to_owned(),
            Kind::ClientCredentials(Some(target)) => format!("own {target}"),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Fixed(ActorToken),
    Fetched { token_type: TokenType, fetch: Fetch },
    ClientCredentials(Option<Arc<Target>>),
}

type Fetch = Closure<dyn Fn() -> Given<Secret> + Send + Sync>;

impl ActorSource {
    /// Always sends this token.
    pub fn fixed(token: ActorToken) -> Self {
        Self(Kind::Fixed(token))
    }

    /// Sends the token that `fetch` returns for each exchange, such as one that the platform
    /// renews.
    ///
    /// Cached tokens stay usable while the actor's own token is renewed.
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

    /// Sends the content of the file, read for each exchange, without the newline at its end. While
    /// the file cannot be read because its volume hangs, its last content is sent.
    ///
    /// # Errors
    ///
    /// Fails if the file is unreadable or empty. It is read at once, so this may block.
    pub fn from_file(token_type: TokenType, path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let file = CredentialFile::new(path);
        let read = file.read_now().map(drop);
        read.map_err(|problem| ConfigError::new("actor", problem))?;
        Ok(Self::fetched(token_type, move || {
            let file = file.clone();
            async move { file.read().await }
        }))
    }

    /// Sends the service's own access token, which it requests by client credentials (RFC 6749
    /// section 4.4), caches and renews.
    pub fn client_credentials() -> Self {
        Self(Kind::ClientCredentials(None))
    }

    /// As [`client_credentials`](Self::client_credentials), with a token for `target`: some servers
    /// accept an actor token only if they are its audience.
    pub fn client_credentials_for(target: impl Into<Target>) -> Self {
        Self(Kind::ClientCredentials(Some(Arc::new(target.into()))))
    }
}
