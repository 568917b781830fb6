use http::Uri;
use obo_core::Grant;
use tower_layer::Layer;

use super::AppOnly;
use crate::outbound::error::ExchangeError;
use crate::outbound::exchange::{TokenExchange, Wanted};
use crate::outbound::on_behalf_of::{Replay, Route};

/// Gives a client's requests tokens of this service's own; [`TokenExchange::app_only_to`] and
/// [`TokenExchange::app_only_to_any`] make it.
///
/// `R` is how requests are [replayed](Replay), `()` if they are not.
#[derive(Clone, Debug)]
pub struct AppOnlyLayer<R = ()> {
    pub(super) exchange: TokenExchange,
    pub(super) replay: R,
    pub(super) route: Route,
}

impl AppOnlyLayer {
    pub(crate) fn new(exchange: TokenExchange, route: Route) -> Self {
        Self {
            exchange,
            replay: (),
            route,
        }
    }
}

impl<R> AppOnlyLayer<R> {
    /// Sends a request once more, with a new token, when the called service rejects the token of the first time.
    #[must_use]
    pub fn replay<B>(self, replay: Replay<B>) -> AppOnlyLayer<Replay<B>> {
        AppOnlyLayer {
            exchange: self.exchange,
            replay,
            route: self.route,
        }
    }

    /// What a request to `uri` needs, if it may go there.
    pub(super) fn wanted(&self, uri: &Uri) -> Result<Wanted, ExchangeError> {
        let found = self
            .route
            .find(uri)
            .ok_or_else(|| self.route.unknown(uri))?;
        Ok(Wanted {
            grant: Grant::client_credentials(Some(found.target)),
            dialect: found.dialect,
        })
    }
}

impl<S, R: Clone> Layer<S> for AppOnlyLayer<R> {
    type Service = AppOnly<S, R>;

    fn layer(&self, inner: S) -> AppOnly<S, R> {
        AppOnly::new(inner, self.clone())
    }
}
