use http::Uri;

use crate::destination::Found;
use crate::{Destination, Destinations, ExchangeError, ExchangeErrorKind};

/// Where a client's requests may go.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    Fixed(Destination),
    ByUri(Destinations),
}

impl Route {
    pub(crate) fn find(&self, uri: &Uri) -> Option<Found> {
        match self {
            Self::Fixed(destination) => destination.find(uri),
            Self::ByUri(destinations) => destinations.find(uri),
        }
    }
}

/// A request that may not go where it wants to.
pub(crate) fn unknown_destination(uri: &Uri) -> ExchangeError {
    let host = uri.host().unwrap_or("a URI without host");
    ExchangeError::new(
        ExchangeErrorKind::UnknownDestination,
        None,
        format!("{host:?}, as the request spells its URI, is no configured destination"),
    )
}
