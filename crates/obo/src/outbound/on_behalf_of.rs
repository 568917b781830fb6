//! The outbound side: a service around a client that gives each request a token for its
//! destination.
//!
//! What happens to a request, in this order:
//!
//! 1. The subject: the caller given to [`OnBehalfOf::on_behalf_of`], else the
//!    [`Caller`](crate::Caller) in the request's extensions. Without one, the call is not made.
//! 2. The destination: the one that this client is for, or the one that the request's scheme, host,
//!    port and path name exactly. Without one, the call is not made and nothing is sent.
//! 3. A token for the destination's target, cached or exchanged. Without one, the call is not made.
//! 4. `Authorization` is set to that token, marked as sensitive, and replaces any other value. The
//!    caller's own `DPoP` header is removed; a token that is bound to the key of this service is
//!    sent with a proof for this request. A `Host` header is set to the destination's authority.
//!    Then the inner service, which is ready, is called. While the request waits for a token it
//!    does not hold that service: a clone is polled ready afterwards. The response's extensions
//!    hold the [`TokenSource`](crate::exchange::TokenSource).
//! 5. A response that rejects the token (401, gRPC `UNAUTHENTICATED`) evicts it. If the request can
//!    be [replayed](Replay), it is sent once more with a new token. A response that wants more of
//!    the user (RFC 9470, a claims challenge) becomes an error that passes this on to our own
//!    caller. A second rejection is passed on as it is, like all other responses. A gRPC response
//!    may carry its status at its end: the token is evicted then, and the request is not replayed.
//!    Its [body](ResponseBody) is watched while it is read.
//! 6. If the service demands a nonce in the proof, a request that can be replayed is sent once more
//!    with the nonce and the same token. Otherwise the response is passed on, and the next request
//!    has the nonce. A gRPC response with the demand in its headers, which is one without messages,
//!    is such a response too. If the demand is in the trailers, or in the last frame of a gRPC-Web
//!    body, the service has begun to respond: the request is not replayed, the token stays cached,
//!    and the next request has the nonce. The `DPoP-Nonce` header of a response, or the one in its
//!    trailers, is removed; the frames of gRPC-Web are passed on as they are.
//!
//! The caller's own token is never sent.
//!
//! # Clients
//!
//! Any tower service of `http::Request` can be the client. Timeouts, retries and load balancing can
//! be layers inside or outside. A client with a request type of its own, such as `reqwest`, needs a
//! line that converts one into the other:
//!
//! ```
//! # #[cfg(feature = "default-client")]
//! # fn stock(
//! #     exchange: &obo::TokenExchange,
//! #     stock: obo::Destination,
//! # ) -> Result<impl Sized, obo::ConfigError> {
//! use tower::{Layer, service_fn};
//!
//! // A client that carries tokens must not follow redirects.
//! let redirects = reqwest::redirect::Policy::none();
//! let client = reqwest::Client::builder().redirect(redirects).build().unwrap();
//! let client = service_fn(move |request: http::Request<reqwest::Body>| {
//!     let client = client.clone();
//!     async move {
//!         let response = client.execute(request.try_into()?).await?;
//!         Ok::<http::Response<reqwest::Body>, reqwest::Error>(response.into())
//!     }
//! });
//! let stock = exchange.to_destination(stock)?.layer(client);
//! # Ok(stock)
//! # }
//! ```
//!
//! A client that is not a tower service takes the token itself: [`OnBehalfOfLayer::token`] for a
//! URI, [`TokenExchange::token`](crate::TokenExchange::token) for an audience.

pub use super::service::{
    Outbound, OutboundLayer, RecordedBody, Replay, ResponseBody, ResponseFuture,
};

use http::{Extensions, Uri};
use obo_core::{Caller, ConfigError, ExchangeRequest, Target};

use super::destination::{Destination, Destinations, Route};
use super::error::{ExchangeError, ExchangeErrorKind};
use super::exchange::{Exchanged, TokenExchange, Wanted};
use super::service::Source;

/// A client whose requests carry tokens on behalf of a user; made by an [`OnBehalfOfLayer`].
///
/// `R` is how it [replays](Replay) requests, `()` if it does not.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use obo::{Caller, TokenExchange};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # async fn example(
/// #     exchange: TokenExchange,
/// #     caller: Caller,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// // Any client of `http::Request`; this one responds itself.
/// let client = service_fn(|request: http::Request<Full<Bytes>>| async move {
///     assert!(request.headers().contains_key("authorization"));
///     Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::default()))
/// });
/// let stock = exchange.to("https://stock.corp.example", "service-b")?.layer(client);
///
/// let request = http::Request::get("https://stock.corp.example/levels").body(Full::default())?;
/// let response = stock.on_behalf_of(&caller).oneshot(request).await?;
/// # Ok(())
/// # }
/// ```
pub type OnBehalfOf<S, R = ()> = Outbound<S, ForCaller, R>;

/// Gives a client's requests tokens on behalf of their caller; made by [`TokenExchange::to`].
///
/// `R` is how requests are [replayed](Replay), `()` if they are not.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use obo::on_behalf_of::{OnBehalfOfLayer, Replay};
/// use obo::{ConfigError, Destination, TokenExchange};
///
/// type Body = Full<Bytes>;
///
/// fn stock(exchange: &TokenExchange) -> Result<OnBehalfOfLayer<Replay<Body>>, ConfigError> {
///     let stock = Destination::new("https://stock.corp.example", "service-b")?;
///     let stock = exchange.to_destination(stock.scopes(["stock:read"]))?;
///     Ok(stock.replay(Replay::copied(|body: &Body| Some(body.clone()))))
/// }
/// ```
pub type OnBehalfOfLayer<R = ()> = OutboundLayer<ForCaller, R>;

/// The tokens are on behalf of a caller.
#[derive(Clone, Debug, Default)]
pub struct ForCaller {
    /// Without one, the request's extensions name the caller.
    subject: Option<Caller>,
    is_fresh: bool,
}

impl<S, R> OnBehalfOf<S, R> {
    /// Returns this client for calls on behalf of `caller`, whichever caller the extensions of a
    /// request have.
    pub fn on_behalf_of<C>(&self, caller: &Caller<C>) -> Self
    where
        S: Clone,
        R: Clone,
    {
        let mut client = self.clone();
        client.layer.source.subject = Some(caller.untyped());
        client
    }

    /// Returns this client with tokens that are issued now and not taken from the cache. Concurrent
    /// calls share one exchange.
    pub fn fresh(mut self) -> Self {
        self.layer.source.is_fresh = true;
        self
    }
}

impl<R> OnBehalfOfLayer<R> {
    /// Returns the token for a request of `caller` to `uri`, for a client that is not a tower
    /// service.
    ///
    /// The destination is checked as for a request. Send the token to that URI and to no other. If
    /// the destination's tokens are bound, each request needs a
    /// [`proof`](crate::TokenExchange::proof).
    ///
    /// # Errors
    ///
    /// Fails if there is no token; the kind says why. The caller's own token is never a substitute.
    pub async fn token<C>(
        &self,
        caller: &Caller<C>,
        uri: &Uri,
    ) -> Result<Exchanged, ExchangeError> {
        let caller = caller.untyped();
        let wanted = self
            .source
            .for_subject(&self.exchange, Some(&caller), &self.route, uri);
        let wanted = wanted.inspect_err(|error| self.exchange.not_made(error, Some(&caller)))?;
        self.exchange.request(wanted).await
    }
}

impl ForCaller {
    fn for_subject(
        &self,
        exchange: &TokenExchange,
        subject: Option<&Caller>,
        route: &Route,
        uri: &Uri,
    ) -> Result<Wanted, ExchangeError> {
        let found = route.find(uri);
        let Some(subject) = subject else {
            return Err(ExchangeError::new(
                ExchangeErrorKind::NoSubject,
                found.as_ref().map(|found| &*found.target),
                "neither the client nor the request names a caller; use `on_behalf_of`, or put the \
                 `Caller` into the request's extensions",
            ));
        };
        let found = found.ok_or_else(|| route.unknown(uri))?;
        let signer = exchange.signer(&found)?;
        let request = ExchangeRequest::new(subject, found.target);
        let request = match self.is_fresh {
            true => request.fresh(),
            false => request,
        };
        Ok(Wanted::new(request, found.dialect, signer))
    }
}

impl Source for ForCaller {
    const NAME: &'static str = "OnBehalfOf";

    fn caller<'c>(&'c self, extensions: &'c Extensions) -> Option<&'c Caller> {
        self.subject.as_ref().or_else(|| extensions.get())
    }

    fn wanted(
        &self,
        exchange: &TokenExchange,
        route: &Route,
        extensions: &Extensions,
        uri: &Uri,
    ) -> Result<Wanted, ExchangeError> {
        self.for_subject(exchange, self.caller(extensions), route, uri)
    }
}

impl TokenExchange {
    /// Returns a layer for a client that calls the service at `uri` on behalf of users. Its tokens
    /// are for `target`.
    ///
    /// # Errors
    ///
    /// Fails as [`Destination::new`] does.
    pub fn to<T>(&self, uri: &str, target: T) -> Result<OnBehalfOfLayer, ConfigError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        self.to_destination(Destination::new(uri, target)?)
    }

    /// As [`to`](Self::to), for a destination with settings of its own.
    ///
    /// # Errors
    ///
    /// Fails if one of its settings is wrong, such as `destination.scopes`.
    pub fn to_destination(&self, destination: Destination) -> Result<OnBehalfOfLayer, ConfigError> {
        OutboundLayer::to(self, destination, ForCaller::default())
    }

    /// Returns a layer for a client that calls several destinations. Each request's URI chooses
    /// one.
    pub fn to_destinations(&self, destinations: Destinations) -> OnBehalfOfLayer {
        OutboundLayer::new(self, Route::ByUri(destinations), ForCaller::default())
    }
}
