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

/// Exchanges tokens at one authorization server, as one client: a service of [`ExchangeRequest`]s with a cache.
///
/// [`builder`](Self::builder) configures one. Clones share its cache; make one per process and authorization server. It
/// needs a tokio runtime to run in.
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
/// // One service per destination, made once and cloned freely.
/// let stock = exchange.to("https://stock.corp.example", "service-b")?;
/// let stock = ServiceBuilder::new().layer(stock).service(channel);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenExchange(pub(super) Arc<Engine>);

/// A token, and where it came from.
#[derive(Clone, Debug)]
pub struct Exchanged {
    pub(super) token: IssuedToken,
    pub(super) source: TokenSource,
    pub(super) place: Place,
}

impl Exchanged {
    /// The token.
    pub fn token(&self) -> &IssuedToken {
        &self.token
    }

    /// Where it came from.
    pub fn source(&self) -> TokenSource {
        self.source
    }
}

/// Where a token came from; a call's response has it in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// It was at hand.
    Cache,
    /// The authorization server issued it for this call, or for another one that wanted the same token.
    Exchange,
}

impl TokenExchange {
    /// A token for `target` on behalf of `caller`, for clients that are not a tower service.
    ///
    /// # Errors
    ///
    /// Fails if there is none; the kind says why. The caller's own token is never a substitute.
    pub async fn token<C, T>(
        &self,
        caller: &Caller<C>,
        target: T,
    ) -> Result<Exchanged, ExchangeError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        let target = named(target)?;
        self.ask(ExchangeRequest::new(&caller.untyped(), target))
            .await
    }

    /// Evicts all cached tokens of a user, and refuses their own tokens that were issued until `issued_until` from now on,
    /// also to background work.
    ///
    /// Call it when the user logs out, such as on a logout token (OpenID Connect Back-Channel Logout), whose `iat` is the
    /// time. The last 65,536 users are remembered. It concerns this exchange alone: the inbound side accepts those tokens
    /// until they expire.
    ///
    /// Tokens say when they were issued in whole seconds. One of the very second of `issued_until` is refused if this
    /// exchange has seen it before; otherwise it is accepted, since the token of a user who logs in again at once looks the
    /// same, and would be refused for as long as it lives. A token without `iat` is judged by its `auth_time`; one without
    /// both is refused for a day.
    pub fn revoke(&self, issuer: &Issuer, subject: &str, issued_until: UnixTime) {
        self.0.revoke(issuer, subject, issued_until);
    }

    /// The token at hand, or a future of it.
    pub(crate) fn ask(&self, wanted: impl Into<Wanted>) -> ResponseFuture {
        self.0.ask(wanted.into()).reported()
    }

    /// Lets a token go that the downstream service rejected; whether another one may do.
    pub(crate) fn reject(&self, exchanged: &Exchanged) -> bool {
        self.0.reject(exchanged)
    }
}

/// The target, unless its name is not one.
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
        self.ask(request)
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
