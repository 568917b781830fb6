//! The outbound side: a service around a client that gives each request a token for where it goes.
//!
//! What happens to a request, in this order:
//!
//! 1. The subject: the caller given to [`OnBehalfOf::on_behalf_of`], else the [`Caller`](crate::Caller) in the
//!    request's own extensions. None: no call.
//! 2. The destination: the one this client is for, or the one that the request's scheme, host, port and path name
//!    exactly. None: no call, and nothing was sent anywhere.
//! 3. A token for the destination's target: at hand, or exchanged. None: no call.
//! 4. `Authorization` is set to it, marked sensitive, replacing whatever was there, and a `Host` header to the
//!    destination's authority; then the ready inner service is called. It is not held while a token is awaited: a clone
//!    of it is polled ready afterwards. The response's extensions say where the token came from ([`TokenSource`](crate::exchange::TokenSource)).
//! 5. An answer that rejects the token (401, gRPC `UNAUTHENTICATED`) lets it go. Where the request can be
//!    [replayed](Replay) it is sent once more, with a new token. One that wants more of the user (RFC 9470, a claims
//!    challenge) is an error that says so to our own caller. A second rejection is passed on, as are all other answers.
//!    A gRPC response whose status comes at its end evicts the token then, and is not replayed: its [body](ResponseBody)
//!    is watched as it is read.
//!
//! The caller's own token never goes out.
//!
//! # Clients
//!
//! Any tower service of `http::Request` is one, with its timeouts, retries and load balancing inside or outside. A client
//! with a request type of its own takes a line that turns one into the other, such as `reqwest`:
//!
//! ```
//! # #[cfg(feature = "default-client")]
//! # fn stock(exchange: &obo::TokenExchange, stock: obo::Destination) -> Result<impl Sized, obo::ConfigError> {
//! use tower::{Layer, service_fn};
//!
//! // As any client that carries tokens, one that follows no redirects.
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
//! A client that is no service at all asks for the token: [`OnBehalfOfLayer::token`] for a URI,
//! [`TokenExchange::token`](crate::TokenExchange::token) for an audience.

pub use super::service::{
    Outbound, OutboundLayer, RecordedBody, Replay, ResponseBody, ResponseFuture,
};

use http::{Extensions, Uri};
use obo_core::{Caller, ConfigError, ExchangeRequest, Target};

use super::destination::{Destination, Destinations, Route};
use super::error::{ExchangeError, ExchangeErrorKind};
use super::exchange::{Exchanged, TokenExchange, Wanted};
use super::service::Source;
use crate::observe;

/// A client whose requests carry tokens on behalf of a user; an [`OnBehalfOfLayer`] makes it.
///
/// `R` is how it [replays](Replay) requests, `()` if it does not.
pub type OnBehalfOf<S, R = ()> = Outbound<S, ForCaller, R>;

/// Gives a client's requests tokens on behalf of their caller; [`TokenExchange::to`] makes it.
///
/// `R` is how requests are [replayed](Replay), `()` if they are not.
pub type OnBehalfOfLayer<R = ()> = OutboundLayer<ForCaller, R>;

/// The tokens are on behalf of a caller.
#[derive(Clone, Debug, Default)]
pub struct ForCaller {
    /// Without one, each request's extensions say who it is.
    subject: Option<Caller>,
    is_fresh: bool,
}

impl<S, R> OnBehalfOf<S, R> {
    /// This client for calls on behalf of `caller`, whatever the requests' extensions say.
    pub fn on_behalf_of<C>(&self, caller: &Caller<C>) -> Self
    where
        S: Clone,
        R: Clone,
    {
        let mut client = self.clone();
        client.layer.source.subject = Some(caller.untyped());
        client
    }

    /// This client with tokens that are issued now, not cached; concurrent calls share one.
    pub fn fresh(mut self) -> Self {
        self.layer.source.is_fresh = true;
        self
    }
}

impl<R> OnBehalfOfLayer<R> {
    /// The token for a request of `caller` to `uri`, for a client that is no tower service.
    ///
    /// It is denied where a request would be, and has to be sent there and nowhere else.
    ///
    /// # Errors
    ///
    /// Fails if there is none; the kind says why. The caller's own token is never a substitute.
    pub async fn token<C>(
        &self,
        caller: &Caller<C>,
        uri: &Uri,
    ) -> Result<Exchanged, ExchangeError> {
        let wanted = self
            .source
            .for_subject(Some(&caller.untyped()), &self.route, uri);
        self.exchange
            .ask(wanted.inspect_err(|error| observe::call_not_made(&error.failure()))?)
            .await
    }
}

impl ForCaller {
    fn for_subject(
        &self,
        subject: Option<&Caller>,
        route: &Route,
        uri: &Uri,
    ) -> Result<Wanted, ExchangeError> {
        let found = route.find(uri);
        let Some(subject) = subject else {
            return Err(ExchangeError::new(
                ExchangeErrorKind::NoSubject,
                found.as_ref().map(|found| &*found.target),
                "neither this client nor the request says on whose behalf it calls; \
                 use `on_behalf_of`, or put the caller into the request's extensions",
            ));
        };
        let found = found.ok_or_else(|| route.unknown(uri))?;
        let request = ExchangeRequest::new(subject, found.target);
        let request = match self.is_fresh {
            true => request.fresh(),
            false => request,
        };
        Ok(Wanted {
            grant: request.into(),
            dialect: found.dialect,
        })
    }
}

impl Source for ForCaller {
    const NAME: &'static str = "OnBehalfOf";

    fn wanted(
        &self,
        route: &Route,
        extensions: &Extensions,
        uri: &Uri,
    ) -> Result<Wanted, ExchangeError> {
        let subject = self.subject.as_ref().or_else(|| extensions.get::<Caller>());
        self.for_subject(subject, route, uri)
    }
}

impl TokenExchange {
    /// A layer for a client that calls the service at `uri` on behalf of users. Its tokens are for `target`.
    ///
    /// # Errors
    ///
    /// As [`Destination::new`].
    pub fn to<T>(&self, uri: &str, target: T) -> Result<OnBehalfOfLayer, ConfigError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        self.to_destination(Destination::new(uri, target)?)
    }

    /// The same for a destination with settings of its own.
    ///
    /// # Errors
    ///
    /// Fails if one of its settings is wrong, such as `destination.scopes`.
    pub fn to_destination(&self, destination: Destination) -> Result<OnBehalfOfLayer, ConfigError> {
        OutboundLayer::to(self, destination, ForCaller::default())
    }

    /// A layer for a client that calls several destinations. Each request's URI chooses one.
    pub fn to_destinations(&self, destinations: Destinations) -> OnBehalfOfLayer {
        OutboundLayer::new(self, Route::ByUri(destinations), ForCaller::default())
    }
}
