use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;
use tower_service::Service;

use super::cache::TokenCache;
use super::future::ResponseFuture;
use super::token_endpoint::TokenEndpoint;
use crate::dialect::{Dialect, Rfc8693};
use crate::flight::Flights;
use crate::{
    AuthorizationServer, CacheKey, CacheSecret, Client, Clock, Destination, Destinations,
    ExchangeError, ExchangeErrorKind, ExchangeRequest, IssuedToken, OnBehalfOfLayer, Target,
    Validated, observe, random,
};

/// The most exchanges under way at the same time.
const MAX_FLIGHTS: usize = 1024;

/// Exchanges tokens at one authorization server, as one client: a service of [`ExchangeRequest`]s with a cache.
///
/// Clones share the cache; make one per process and authorization server. It needs a tokio runtime to run in.
///
/// ```
/// use obo::{Audience, Client, ClientSecretBasic, Destination, Issuer, TokenExchange};
/// use tower::ServiceBuilder;
///
/// # fn example(channel: impl Clone) -> Result<(), obo::ConfigError> {
/// let idp = Issuer::new("https://idp.example.com/realms/corp")?;
/// let client = Client::new("service-a", ClientSecretBasic::new("s3cret")?)?;
/// let exchange = TokenExchange::new(idp, client);
///
/// // One service per destination, made once and cloned freely.
/// let stock = Destination::new("https://stock.corp.example", Audience::new("service-b")?)?;
/// let stock = ServiceBuilder::new().layer(exchange.to(stock)).service(channel);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenExchange(Arc<Engine>);

#[derive(Clone)]
struct Engine {
    endpoint: TokenEndpoint,
    store: Arc<Store>,
}

struct Store {
    tokens: TokenCache,
    flights: Arc<Flights<CacheKey, Result<IssuedToken, ExchangeError>>>,
    /// Without one, nothing can be kept apart safely, so nothing is exchanged.
    secret: Option<CacheSecret>,
}

/// A token, and where it came from.
#[derive(Clone, Debug)]
pub struct Exchanged {
    pub(super) token: IssuedToken,
    pub(super) source: TokenSource,
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
        Self(Arc::new(Engine {
            endpoint: TokenEndpoint {
                server: server.into(),
                client,
                dialect: Arc::new(Rfc8693::new()),
                clock: Clock::system(),
                pause: Arc::default(),
            },
            store: Store::new(),
        }))
    }

    /// Asks in another dialect than RFC 8693's.
    #[must_use]
    pub fn dialect(self, dialect: impl Dialect) -> Self {
        self.change(|endpoint| endpoint.dialect = Arc::new(dialect))
    }

    /// Judges expiry by another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        self.change(|endpoint| endpoint.clock = clock.into())
    }

    /// The same with a changed endpoint, and so with a store of its own: what one configuration got, another one
    /// never gives out.
    fn change(self, change: impl FnOnce(&mut TokenEndpoint)) -> Self {
        let mut endpoint = self.0.endpoint.clone();
        change(&mut endpoint);
        Self(Arc::new(Engine {
            endpoint,
            store: Store::new(),
        }))
    }

    /// A layer for a client that calls this one destination, such as a channel.
    pub fn to(&self, destination: Destination) -> OnBehalfOfLayer {
        OnBehalfOfLayer::to(self.clone(), destination)
    }

    /// A layer for a client that calls several destinations, chosen by each request's URI.
    pub fn to_any(&self, destinations: Destinations) -> OnBehalfOfLayer {
        OnBehalfOfLayer::to_any(self.clone(), destinations)
    }

    /// A token for `target` on behalf of `caller`, for clients that are no tower service.
    ///
    /// # Errors
    ///
    /// Why there is none; the caller's own token is never a substitute.
    pub async fn token<C>(
        &self,
        caller: &Validated<C>,
        target: impl Into<Target>,
    ) -> Result<Exchanged, ExchangeError> {
        self.exchange(ExchangeRequest::new(&caller.untyped(), target.into()))
            .await
    }

    /// The token at hand, or a future of it.
    pub(crate) fn exchange(&self, request: ExchangeRequest) -> ResponseFuture {
        let Engine { endpoint, store } = &*self.0;
        let target = request.target();
        if let Err(error) = self.0.check_subject(&request) {
            return ResponseFuture::failed(error);
        }
        let Some(secret) = &store.secret else {
            let problem = "the system gives no randomness to key the cache with";
            let kind = ExchangeErrorKind::ClientMisconfigured;
            return ResponseFuture::failed(ExchangeError::new(kind, Some(target), problem));
        };
        let key = CacheKey::new(
            secret,
            endpoint.server.issuer(),
            endpoint.client.id(),
            &endpoint.dialect.identity(),
            &request,
        );
        let at_hand = store.tokens.get(&key);
        observe::at_hand(at_hand.is_some());
        if let Some(outcome) = at_hand {
            return ResponseFuture::at_hand(outcome);
        }
        let overloaded = ExchangeError::new(
            ExchangeErrorKind::Overloaded,
            Some(target),
            "too many exchanges are under way",
        );
        let lost = ExchangeError::new(
            ExchangeErrorKind::Transient,
            Some(target),
            "the exchange was interrupted",
        );
        let flight = store.flights.join(key, || {
            let engine = Arc::clone(&self.0);
            async move { engine.fly(key, request).await }
        });
        match flight {
            Ok(landing) => ResponseFuture::waiting(landing, lost),
            Err(_) => ResponseFuture::failed(overloaded),
        }
    }
}

impl Engine {
    /// One exchange in a task of its own; a success is stored before the flight ends.
    async fn fly(
        &self,
        key: CacheKey,
        request: ExchangeRequest,
    ) -> Result<IssuedToken, ExchangeError> {
        // Whoever missed the cache just before another flight ended comes here after it.
        if let Some(outcome) = self.store.tokens.get(&key) {
            return outcome;
        }
        let (start, started_at) = (Instant::now(), self.endpoint.clock.now());
        let mut exchanged = self.endpoint.exchange(&request).await;
        if exchanged.is_ok() {
            // The answer may have taken longer than the caller's token lived.
            exchanged = self.check_subject(&request).and(exchanged);
        }
        // Neither the server's word, nor the token's own, nor the caller's session is outlived (TX-42).
        let session = request.subject().expires_at().saturating_since(started_at);
        let tokens = &self.store.tokens;
        match &exchanged {
            Ok(token) => {
                let lifetime = token.lifetime(started_at).min(session);
                tokens.insert(key, token.clone(), start, lifetime, random::fraction());
            }
            Err(error) => tokens.insert_refusal(key, error, session),
        }
        let outcome = exchanged.as_ref().map(|_| ());
        observe::exchanged(request.target(), outcome, start.elapsed());
        exchanged
    }

    /// Nothing is done for a caller whose own token has expired, whatever is at hand.
    fn check_subject(&self, request: &ExchangeRequest) -> Result<(), ExchangeError> {
        if request.subject().expires_at() > self.endpoint.clock.now() {
            return Ok(());
        }
        let problem = "the caller's own token has expired";
        let kind = ExchangeErrorKind::SubjectInvalid;
        Err(ExchangeError::new(kind, Some(request.target()), problem))
    }
}

impl Store {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            tokens: TokenCache::new(),
            flights: Flights::new(MAX_FLIGHTS),
            secret: random::cache_secret(),
        })
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
        self.exchange(request)
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
