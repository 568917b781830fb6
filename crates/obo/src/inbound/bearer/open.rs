use http::{Method, Request, header};

use crate::inbound::public_paths::PublicPaths;

/// The requests that need no token. A token that they have is still validated.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    pub(super) all: bool,
    pub(super) preflight: bool,
    pub(super) paths: PublicPaths,
}

impl Open {
    pub(super) fn covers<B>(&self, request: &Request<B>) -> bool {
        self.all
            || self.paths.contains(request.method(), request.uri().path())
            || self.preflight && is_preflight(request)
    }
}

/// A CORS preflight, which browsers send without credentials (Fetch, section "CORS-preflight
/// fetch").
fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
