//! Calls without a user: a service around a client that gives each request a token of this service
//! itself.
//!
//! Such a client is a type of its own and never a fallback: a client that calls on behalf of users
//! fails without a user, and this one ignores users. A request takes the steps that
//! [`on_behalf_of`](crate::on_behalf_of) lists, without the first one, and a step-up of the called
//! service is passed on as it is. The token comes by client credentials (RFC 6749 section 4.4)
//! instead of an exchange. Both share one cache.
//!
//! ```
//! use obo::{Client, ClientSecretBasic, TokenExchange};
//! use tower::Layer;
//!
//! # fn example(channel: impl Clone) -> Result<(), obo::ConfigError> {
//! let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
//! let exchange = TokenExchange::builder("https://idp.example.com/realms/corp", client).build()?;
//!
//! let audit = exchange.app_only_to("https://audit.corp.example", "audit")?.layer(channel);
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use http::{Extensions, Uri};
use obo_core::{Caller, ConfigError, Grant, Target};

use super::destination::{Destination, Destinations, Route};
use super::error::ExchangeError;
use super::exchange::{Exchanged, TokenExchange, Wanted};
use super::service::{Outbound, OutboundLayer, Source};

/// A client whose requests carry tokens of this service itself; made by an [`AppOnlyLayer`].
///
/// `R` is how it [replays](crate::on_behalf_of::Replay) requests, `()` if it does not.
///
/// ```
/// use obo::TokenExchange;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # async fn example(exchange: TokenExchange) -> Result<(), Box<dyn std::error::Error>> {
/// // Any client of `http::Request`; this one responds itself.
/// let client = service_fn(|request: http::Request<()>| async move {
///     assert!(request.headers().contains_key("authorization"));
///     Ok::<_, std::convert::Infallible>(http::Response::new(()))
/// });
/// let audit = exchange.app_only_to("https://audit.corp.example", "audit")?.layer(client);
///
/// let request = http::Request::post("https://audit.corp.example/entries").body(())?;
/// let response = audit.oneshot(request).await?;
/// # Ok(())
/// # }
/// ```
pub type AppOnly<S, R = ()> = Outbound<S, ForItself, R>;

/// Gives a client's requests tokens of this service itself; made by [`TokenExchange::app_only_to`].
///
/// `R` is how requests are [replayed](crate::on_behalf_of::Replay), `()` if they are not.
///
/// ```
/// use obo::app_only::AppOnlyLayer;
/// use obo::{Destinations, TokenExchange};
///
/// fn services(exchange: &TokenExchange, known: Destinations) -> AppOnlyLayer {
///     exchange.app_only_to_destinations(known)
/// }
/// ```
pub type AppOnlyLayer<R = ()> = OutboundLayer<ForItself, R>;

/// The tokens are those of this service itself.
#[derive(Clone, Copy, Debug)]
pub struct ForItself;

impl Source for ForItself {
    const NAME: &'static str = "AppOnly";

    fn caller<'c>(&'c self, _: &'c Extensions) -> Option<&'c Caller> {
        None
    }

    fn wanted(
        &self,
        exchange: &TokenExchange,
        route: &Route,
        _: &Extensions,
        uri: &Uri,
    ) -> Result<Wanted, ExchangeError> {
        let found = route.find(uri).ok_or_else(|| route.unknown(uri))?;
        let signer = exchange.signer(&found)?;
        let grant = Grant::client_credentials(Some(found.target));
        Ok(Wanted::new(grant, found.dialect, signer))
    }
}

impl TokenExchange {
    /// Returns a layer for a client that calls the service at `uri` as this service itself, without
    /// a user.
    ///
    /// # Errors
    ///
    /// Fails as [`Destination::new`] does.
    pub fn app_only_to<T>(&self, uri: &str, target: T) -> Result<AppOnlyLayer, ConfigError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        self.app_only_to_destination(Destination::new(uri, target)?)
    }

    /// As [`app_only_to`](Self::app_only_to), for a destination with settings of its own.
    ///
    /// # Errors
    ///
    /// Fails if one of its settings is wrong, such as `destination.scopes`.
    pub fn app_only_to_destination(
        &self,
        destination: Destination,
    ) -> Result<AppOnlyLayer, ConfigError> {
        OutboundLayer::to(self, destination, ForItself)
    }

    /// Returns a layer for a client that calls several destinations as this service itself. Each
    /// request's URI chooses one.
    pub fn app_only_to_destinations(&self, destinations: Destinations) -> AppOnlyLayer {
        OutboundLayer::new(self, Route::ByUri(destinations), ForItself)
    }

    /// Returns a token of this service itself for `target` (RFC 6749 section 4.4), for calls
    /// without a user.
    ///
    /// # Errors
    ///
    /// Fails if there is no token; the kind says why.
    pub async fn app_only_token<T>(&self, target: T) -> Result<Exchanged, ExchangeError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        let target = Arc::new(self.named(target, None)?);
        self.request(Grant::client_credentials(Some(target))).await
    }
}
