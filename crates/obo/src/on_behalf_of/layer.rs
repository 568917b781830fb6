use http::Uri;
use tower_layer::Layer;

use super::OnBehalfOf;
use crate::{Destination, Destinations, TokenExchange};

/// Gives a client's requests tokens on behalf of their caller; [`TokenExchange::to`] and
/// [`TokenExchange::to_any`] make it.
#[derive(Clone, Debug)]
pub struct OnBehalfOfLayer {
    pub(super) exchange: TokenExchange,
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
            route: Route::Fixed(destination),
        }
    }

    pub(crate) fn to_any(exchange: TokenExchange, destinations: Destinations) -> Self {
        Self {
            exchange,
            route: Route::ByUri(destinations),
        }
    }

    pub(super) fn destination(&self, uri: &Uri) -> Option<&Destination> {
        match &self.route {
            Route::Fixed(destination) => Some(destination).filter(|d| d.is_meant_by(uri)),
            Route::ByUri(destinations) => destinations.find(uri),
        }
    }
}

impl<S> Layer<S> for OnBehalfOfLayer {
    type Service = OnBehalfOf<S>;

    fn layer(&self, inner: S) -> OnBehalfOf<S> {
        OnBehalfOf::new(inner, self.clone())
    }
}
