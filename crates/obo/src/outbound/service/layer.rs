use obo_core::ConfigError;
use tower_layer::Layer;

use super::{Outbound, Replay};
use crate::outbound::destination::{Destination, Route};
use crate::outbound::exchange::TokenExchange;

/// Gives a client's requests tokens. Its two kinds are
/// [`OnBehalfOfLayer`](crate::on_behalf_of::OnBehalfOfLayer) and
/// [`AppOnlyLayer`](crate::app_only::AppOnlyLayer).
///
/// `U` is whose tokens they are. `R` is how requests are [replayed](Replay), `()` if they are not.
#[derive(Clone, Debug)]
#[must_use]
pub struct OutboundLayer<U, R = ()> {
    pub(in crate::outbound) exchange: TokenExchange,
    pub(in crate::outbound) route: Route,
    pub(in crate::outbound) source: U,
    pub(super) replay: R,
}

impl<U> OutboundLayer<U> {
    pub(in crate::outbound) fn to(
        exchange: &TokenExchange,
        destination: Destination,
        source: U,
    ) -> Result<Self, ConfigError> {
        let destination = destination.checked();
        let destination = destination.map_err(|error| error.within("destination"))?;
        Ok(Self::new(exchange, Route::Fixed(destination), source))
    }

    pub(in crate::outbound) fn new(exchange: &TokenExchange, route: Route, source: U) -> Self {
        Self {
            exchange: exchange.clone(),
            route,
            source,
            replay: (),
        }
    }
}

impl<U, R> OutboundLayer<U, R> {
    /// Sends a request once more with a new token if the called service rejects the first token.
    ///
    /// A rejected token is evicted in any case, so the next request has a new one.
    pub fn replay<B>(self, replay: Replay<B>) -> OutboundLayer<U, Replay<B>> {
        OutboundLayer {
            exchange: self.exchange,
            route: self.route,
            source: self.source,
            replay,
        }
    }
}

impl<S, U: Clone, R: Clone> Layer<S> for OutboundLayer<U, R> {
    type Service = Outbound<S, U, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Outbound::new(inner, self.clone())
    }
}
