use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use obo_core::{Caller, ConfigError, ExchangeRequest, IssuedToken, Issuer, Target, UnixTime};
use tower_service::Service;

use super::cache::Place;
use super::engine::Engine;
use super::future::ResponseFuture;
use super::wanted::Wanted;
use crate::observe;
use crate::outbound::error::ExchangeError;

/// Exchanges tokens at one authorization server, as one client: a service of [`ExchangeRequest`]s
/// with a cache.
///
/// [`builder`](Self::builder) configures one. Clones share its cache: make one per process and
/// authorization server. It requires a tokio runtime.
///
/// ```
/// use obo::{Client, PrivateKeyJwt, TokenExchange};
/// use obo::policy::Algorithm;
/// use tower::ServiceBuilder;
///
/// # fn example(channel: impl Clone) -> Result<(), obo::ConfigError> {
/// let key = PrivateKeyJwt::from_pem_file(Algorithm::Es256, "service-a.pem", Some("key-1"));
/// let client = Client::new("service-a", key);
/// let exchange = TokenExchange::builder("https://idp.example.com/realms/corp", client).build()?;
///
/// // One client per destination: made once, cloned freely.
/// let stock = exchange.to("https://stock.corp.example", "service-b")?;
/// let stock = ServiceBuilder::new().layer(stock).service(channel);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenExchange(pub(super) Arc<Engine>);

/// A token and its source.
#[derive(Clone, Debug)]
pub struct Exchanged {
    pub(super) token: IssuedToken,
    pub(super) source: TokenSource,
    pub(super) place: Place,
}

impl Exchanged {
    /// Returns the token.
    pub fn token(&self) -> &IssuedToken {
        &self.token
    }

    /// Returns the source of the token.
    pub fn source(&self) -> TokenSource {
        self.source
    }
}

/// Where a token came from. The response of a call has it in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// It was cached.
    Cache,
    /// The authorization server issued it for this call, or for a concurrent call that wanted the
    /// same token.
    Exchange,
}

impl TokenExchange {
    /// Returns a token for `target` on behalf of `caller`, for clients that are not a tower
    /// service.
    ///
    /// # Errors
    ///
    /// Fails if there is no token; the kind says why. The caller's own token is never a substitute.
    pub async fn token<C, T>(
        &self,
        caller: &Caller<C>,
        target: T,
    ) -> Result<Exchanged, ExchangeError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        let target = named(target)?;
        self.request(ExchangeRequest::new(&caller.untyped(), target))
            .await
    }

    /// Evicts all cached tokens of a user. From now on refuses the user's own tokens that were
    /// issued until `issued_until`, for background work too.
    ///
    /// Call it when the user logs out, for example on a logout token (OpenID Connect Back-Channel
    /// Logout) with its `iat` as the time. The last 65,536 users are recorded. It affects this
    /// exchange only: the inbound side accepts those tokens until they expire.
    ///
    /// Tokens state their time of issue in whole seconds. A token of the very second of
    /// `issued_until` is refused if this exchange has seen it before. Otherwise it is accepted,
    /// since the token of a user who logs in again at once looks the same. A token without `iat` is
    /// dated by its `auth_time`. A token without both is refused for a day.
    pub fn revoke(&self, issuer: &Issuer, subject: &str, issued_until: UnixTime) {
        self.0.revoke(issuer, subject, issued_until);
    }

    /// The cached token, or a future of it.
    pub(crate) fn request(&self, wanted: impl Into<Wanted>) -> ResponseFuture {
        self.0.request(wanted.into()).reported()
    }

    /// Evicts a token that the called service rejected. Returns whether another token may be
    /// accepted.
    pub(crate) fn reject(&self, exchanged: &Exchanged) -> bool {
        self.0.tokens.reject(&exchanged.place, &exchanged.token)
    }
}

/// Converts a target; reports a mistake in its name as a call that is not made.
pub(in crate::outbound) fn named<T>(target: T) -> Result<Target, ExchangeError>
where
    T: TryInto<Target, Error: Into<ConfigError>>,
{
    target.try_into().map_err(|error| {
        let error: ConfigError = error.into();
        let error = ExchangeError::of_token_endpoint(None, error.into());
        observe::call_not_made(&error.failure());
        error
    })
}

impl Service<ExchangeRequest> for TokenExchange {
    type Response = Exchanged;
    type Error = ExchangeError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ExchangeError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ExchangeRequest) -> ResponseFuture {
        self.request(request)
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("server", self.0.endpoint.server())
            .field("client", &self.0.settings.client)
            .field("dialect", &self.0.settings.dialect)
            .finish_non_exhaustive()
    }
}
