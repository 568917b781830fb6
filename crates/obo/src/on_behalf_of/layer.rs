use std::sync::Arc;

use http::Uri;
use tower_layer::Layer;

use super::{OnBehalfOf, Replay};
use crate::{Destination, Destinations, Target, TokenExchange};

/// Gives a client's requests tokens on behalf of their caller; [`TokenExchange::to`] and
/// [`TokenExchange::to_any`] make it.
///
/// `R` is how requests are [replayed](Replay), `()` if they are not.
#[derive(Clone, Debug)]
pub struct OnBehalfOfLayer<R = ()> {
    pub(super) exchange: TokenExchange,
    pub(super) replay: R,
    route: Route,
}

#[derive(Clone, Debug)]
enum Route {
    Fixed(Destination),
    ByUri(Destinations),
}

impl OnBehalfOfLayer {
    pub(crate) fn to(exchange: TokenExchange, destination: Destination) -> Self {
        Self {
            exchange,
            replay: (),
            route: Route::Fixed(destination),
        }
    }

    pub(crate) fn to_any(exchange: TokenExchange, destinations: Destinations) -> Self {
        Self {
            exchange,
            replay: (),
            route: Route::ByUri(destinations),
        }
    }
}

impl<R> OnBehalfOfLayer<R> {
    /// Sends a request once more, with a new token, when the called service rejects the token of the first time.
    ///
    /// Without it such a token is let go too, so that the next request has a new one.
    #[must_use]
    pub fn replay<B>(self, replay: Replay<B>) -> OnBehalfOfLayer<Replay<B>> {
        OnBehalfOfLayer {
            exchange: self.exchange,
            replay,
            route: self.route,
        }
    }

    /// For whom a request to `uri` needs a token, if it may go there.
    pub(super) fn target_of(&self, uri: &Uri) -> Option<Arc<Target>> {
        match &self.route {
            Route::Fixed(destination) => destination.target_of(uri),
            Route::ByUri(destinations) => destinations.target_of(uri),
        }
    }
}

impl<S, R: Clone> Layer<S> for OnBehalfOfLayer<R> {
    type Service = OnBehalfOf<S, R>;

    fn layer(&self, inner: S) -> OnBehalfOf<S, R> {
        OnBehalfOf::new(inner, self.clone())
    }
}
