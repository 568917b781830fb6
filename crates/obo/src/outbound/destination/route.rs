use http::{HeaderValue, Request, Uri, header};

use super::unmatched::unmatched;
use super::{Destination, Destinations, Found};
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};

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

    /// The URL of a request as it is sent, without its query: `htu` of its proof.
    pub(crate) fn url(&self, uri: &Uri) -> String {
        let path = uri.path();
        match (uri.scheme(), uri.authority(), self) {
            (Some(scheme), Some(authority), _) => format!("{scheme}://{authority}{path}"),
            (_, _, Self::Fixed(destination)) => destination.url_of(path),
            // Such a request has no destination.
            (_, _, Self::ByUri(_)) => path.to_owned(),
        }
    }

    /// Sets a `Host` that the request brings to the destination, so that no token reaches another
    /// virtual host.
    pub(crate) fn correct_host<B>(&self, request: &mut Request<B>) {
        if !request.headers().contains_key(header::HOST) {
            return;
        }
        match self.host(request.uri()) {
            Some(host) => request.headers_mut().insert(header::HOST, host),
            None => request.headers_mut().remove(header::HOST),
        };
    }

    fn host(&self, uri: &Uri) -> Option<HeaderValue> {
        match (uri.authority(), self) {
            (Some(authority), _) => HeaderValue::from_str(authority.as_str()).ok(),
            (None, Self::Fixed(destination)) => destination.host()?.try_into().ok(),
            (None, Self::ByUri(_)) => None,
        }
    }

    /// The error of a request to `uri`, which is not a configured destination.
    pub(crate) fn unknown(&self, uri: &Uri) -> ExchangeError {
        let host = uri.host().unwrap_or_default();
        let (configured, needs_origin) = match self {
            Self::Fixed(destination) => (destination.at_host(host), destination.is_template()),
            Self::ByUri(destinations) => (destinations.at_host(host), true),
        };
        let hosts = match self {
            _ if !configured.is_empty() => Vec::new(),
            Self::Fixed(destination) => vec![destination.uri()],
            Self::ByUri(destinations) => destinations.hosts(),
        };
        let problem = unmatched(uri, &configured, &hosts, needs_origin);
        ExchangeError::new(ExchangeErrorKind::UnknownDestination, None, problem)
    }
}
