//! Calls that are for no user: a service around a client that gives each request a token of this service's own.
//!
//! They are a type of their own and never a fallback: a client that calls on behalf of users fails without one, and this one
//! does not look for any. What happens to a request is the list in [`on_behalf_of`](crate::on_behalf_of), without its first
//! step and without what a called service may want of a user. The token comes by client credentials (RFC 6749 section 4.4)
//! instead of an exchange, from the same cache.
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
use obo_core::{ConfigError, Grant, Target};

use super::destination::{Destination, Destinations, Route};
use super::error::ExchangeError;
use super::exchange::{Exchanged, TokenExchange, Wanted, named};
use super::service::{Outbound, OutboundLayer, Source};

/// A client whose requests carry tokens of this service's own; an [`AppOnlyLayer`] makes it.
///
/// `R` is how it [replays](crate::on_behalf_of::Replay) requests, `()` if it does not.
pub type AppOnly<S, R = ()> = Outbound<S, ForItself, R>;

/// Gives a client's requests tokens of this service's own; [`TokenExchange::app_only_to`] makes it.
///
/// `R` is how requests are [replayed](crate::on_behalf_of::Replay), `()` if they are not.
pub type AppOnlyLayer<R = ()> = OutboundLayer<ForItself, R>;

/// The tokens are this service's own.
#[derive(Clone, Copy, Debug)]
pub struct ForItself;

impl Source for ForItself {
    const NAME: &'static str = "AppOnly";

    fn wanted(&self, route: &Route, _: &Extensions, uri: &Uri) -> Result<Wanted, ExchangeError> {
        let found = route.find(uri).ok_or_else(|| route.unknown(uri))?;
        Ok(Wanted {
            grant: Grant::client_credentials(Some(found.target)),
            dialect: found.dialect,
        })
    }
}

impl TokenExchange {
    /// A layer for a client that calls the service at `uri` as this service itself, without a user.
    ///
    /// # Errors
    ///
    /// As [`Destination::new`].
    pub fn app_only_to<T>(&self, uri: &str, target: T) -> Result<AppOnlyLayer, ConfigError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        self.app_only_to_destination(Destination::new(uri, target)?)
    }

    /// The same for a destination with settings of its own.
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

    /// A layer for a client that calls several destinations as this service itself. Each request's URI chooses one.
    pub fn app_only_to_destinations(&self, destinations: Destinations) -> AppOnlyLayer {
        OutboundLayer::new(self, Route::ByUri(destinations), ForItself)
    }

    /// A token of this service's own for `target` (RFC 6749 section 4.4), for calls that are for no user.
    ///
    /// # Errors
    ///
    /// Fails if there is none; the kind says why.
    pub async fn app_only_token<T>(&self, target: T) -> Result<Exchanged, ExchangeError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        let target = Arc::new(named(target)?);
        self.ask(Grant::client_credentials(Some(target))).await
    }
}
