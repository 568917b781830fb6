use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use obo_core::dialect::Dialect;
use obo_core::{Caller, ConfigError, ExchangeRequest, IssuedToken, Issuer, Target, UnixTime};
use tower_service::Service;

use super::actor::ActorSource;
use super::bounds::CacheBounds;
use super::cache::Place;
use super::engine::{Engine, Limits};
use super::future::ResponseFuture;
use super::token_endpoint::{CertificateNow, TokenEndpoint};
use super::wanted::Wanted;
use crate::clock::Clock;
use crate::idp::client_auth::Client;
use crate::idp::server::AuthorizationServer;
use crate::outbound::error::ExchangeError;

/// Exchanges tokens at one authorization server, as one client: a service of [`ExchangeRequest`]s with a cache.
///
/// Clones share the cache; make one per process and authorization server. It needs a tokio runtime to run in.
///
/// ```
/// use obo::{Audience, Client, Destination, Issuer, PrivateKeyJwt, TokenExchange};
/// use obo::policy::Algorithm;
/// use tower::ServiceBuilder;
///
/// # fn example(channel: impl Clone) -> Result<(), obo::ConfigError> {
/// let idp = Issuer::new("https://idp.example.com/realms/corp")?;
/// let key = PrivateKeyJwt::from_pem_file(Algorithm::Es256, "service-a.pem", Some("key-1"))?;
/// let client = Client::new("service-a", key)?;
/// let exchange = TokenExchange::new(idp, client);
///
/// // One service per destination, made once and cloned freely.
/// let stock = Destination::new("https://stock.corp.example", Audience::new("service-b")?)?;
/// let stock = ServiceBuilder::new().layer(exchange.to_destination(stock)).service(channel);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenExchange(Arc<Engine>);

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
    /// Exchanges at `server` as `client`, by RFC 8693.
    pub fn new(server: impl Into<AuthorizationServer>, client: Client) -> Self {
        let endpoint = TokenEndpoint::new(server.into(), client);
        Self(Engine::new(endpoint, Limits::default(), None))
    }

    /// Asks in another dialect than RFC 8693's, save for destinations with a [dialect](Destination::dialect) of their own.
    #[must_use]
    pub fn dialect(self, dialect: impl Dialect) -> Self {
        self.change(|endpoint, _| endpoint.dialect = Arc::new(dialect))
    }

    /// Also exchanges the tokens of another issuer at this server, which has to trust it.
    ///
    /// By default a caller's token goes to the server of its own issuer only: any other server would see a token that was
    /// not made for it. Some servers spell the issuer of their older tokens in another way than their metadata.
    #[must_use]
    pub fn allow_subjects_of(self, issuer: Issuer) -> Self {
        self.change(|endpoint, _| endpoint.subject_issuers.push(issuer))
    }

    /// Names the acting service by this token in each exchange, where the server does not infer it.
    #[must_use]
    pub fn actor(self, actor: ActorSource) -> Self {
        let endpoint = self.0.endpoint.clone();
        Self(Engine::new(endpoint, self.0.limits, Some(actor)))
    }

    /// Keeps tokens apart by the certificate that this client has when they are asked for, where the server binds them to
    /// it (RFC 8705 section 3): one that was bound to another certificate is not used, and a new one is fetched.
    ///
    /// `thumbprint` gives the SHA-256 of the present certificate's DER. Each call asks for it, so let it read what is at
    /// hand. The connections, to the server and to the called services, have to be made with that certificate: it cannot be
    /// seen from here. Nor is it checked that the server bound the token.
    ///
    /// ```
    /// use std::sync::{Arc, RwLock};
    ///
    /// # fn example(exchange: obo::TokenExchange, first: [u8; 32]) -> obo::TokenExchange {
    /// // Whoever renews the certificate of the connections writes its thumbprint here.
    /// let present = Arc::new(RwLock::new(first));
    /// exchange.bound_to_certificate(move || *present.read().unwrap_or_else(|poisoned| poisoned.into_inner()))
    /// # }
    /// ```
    #[must_use]
    pub fn bound_to_certificate(
        self,
        thumbprint: impl Fn() -> [u8; 32] + Send + Sync + 'static,
    ) -> Self {
        let certificate = CertificateNow(Arc::new(thumbprint));
        self.change(|endpoint, _| endpoint.certificate = Some(certificate))
    }

    /// Introspects each issued token that is not a JWT (RFC 7662), as this client, before it is used: it must be active and
    /// name the target in `aud`. If the response has `sub`, it must be the caller's, unless the dialect's subjects are
    /// pairwise.
    ///
    /// Nothing else checks for whom an opaque token is: a server that ignores the parameter by which it was asked issues a
    /// token for another service, which would be sent to this one. It costs one more request for each exchange, none for a
    /// cached token. The server has to let this client introspect tokens of others, and tell it `aud`.
    #[must_use]
    pub fn introspect_issued(self) -> Self {
        self.change(|endpoint, _| endpoint.introspects_issued = true)
    }

    /// Judges expiry by another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        self.change(|endpoint, _| endpoint.clock = clock.into())
    }

    /// Keeps more or less at hand, or for longer or shorter.
    ///
    /// # Errors
    ///
    /// When a bound is none.
    pub fn cache(self, bounds: CacheBounds) -> Result<Self, ConfigError> {
        let bounds = bounds.checked()?;
        Ok(self.change(|_, limits| limits.cache = bounds))
    }

    /// Gives an exchange up after this long, all its attempts together; 10 s unless set.
    ///
    /// Callers who wait for less, or who go away, change nothing for the others.
    ///
    /// # Errors
    ///
    /// When it is less than a second or more than a minute.
    pub fn deadline(self, deadline: Duration) -> Result<Self, ConfigError> {
        if deadline < Duration::from_secs(1) || deadline > Duration::from_secs(60) {
            let problem = format!("{deadline:?} is not between 1 s and 60 s");
            return Err(ConfigError::new("deadline", problem));
        }
        Ok(self.change(|endpoint, _| endpoint.deadline = deadline))
    }

    /// How many exchanges may be under way at the same time, 1,024 unless set; the next one fails as `Overloaded`.
    ///
    /// # Errors
    ///
    /// When it is 0.
    pub fn concurrency(self, most: usize) -> Result<Self, ConfigError> {
        if most == 0 {
            return Err(ConfigError::new(
                "concurrency",
                "is 0: nothing would be exchanged",
            ));
        }
        Ok(self.change(|_, limits| limits.flights = most))
    }

    /// The same with a change, and so with a store of its own: what one configuration got, another one never gives out.
    fn change(self, change: impl FnOnce(&mut TokenEndpoint, &mut Limits)) -> Self {
        let mut endpoint = self.0.endpoint.clone();
        let mut limits = self.0.limits;
        change(&mut endpoint, &mut limits);
        Self(Engine::new(endpoint, limits, self.0.actor.clone()))
    }

    /// A token for `target` on behalf of `caller`, for clients that are no tower service.
    ///
    /// # Errors
    ///
    /// Why there is none; the caller's own token is never a substitute.
    pub async fn token<C>(
        &self,
        caller: &Caller<C>,
        target: impl Into<Target>,
    ) -> Result<Exchanged, ExchangeError> {
        self.ask(ExchangeRequest::new(&caller.untyped(), target.into()))
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
            .field("server", &self.0.endpoint.server)
            .field("client", &self.0.endpoint.client)
            .field("dialect", &self.0.endpoint.dialect)
            .finish_non_exhaustive()
    }
}
