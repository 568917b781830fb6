use http::Uri;

use crate::destination::{Found, Unmatched};
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

    /// The error of a request to `uri`, which is not a configured destination.
    pub(crate) fn unknown(&self, uri: &Uri) -> ExchangeError {
        let host = uri.host().unwrap_or_default();
        let (configured, needs_origin) = match self {
            Self::Fixed(destination) => (destination.at_host(host), destination.is_template()),
            Self::ByUri(destinations) => (destinations.at_host(host), true),
        };
        let problem = Unmatched {
            uri,
            configured,
            needs_origin,
        };
        let kind = ExchangeErrorKind::UnknownDestination;
        ExchangeError::new(kind, None, problem.to_string())
    }
}
