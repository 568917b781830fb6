use std::sync::Arc;

use http::{Method, Request, header};
use obo_core::ConfigError;

use crate::inbound::path_table::{Found, PathTable};

/// The requests that need no token; one that is sent all the same is judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    pub(super) all: bool,
    pub(super) preflight: bool,
    paths: Arc<PathTable<()>>,
}

impl Open {
    pub(super) fn add(&mut self, path: &str) -> Result<(), ConfigError> {
        Arc::make_mut(&mut self.paths).insert("public_paths", path, ())
    }

    pub(super) fn covers<B>(&self, request: &Request<B>) -> bool {
        self.all
            || self.lists(request.method(), request.uri().path())
            || self.preflight && is_preflight(request)
    }

    fn lists(&self, method: &Method, path: &str) -> bool {
        matches!(self.paths.find(method, path), Found::Value(()))
    }
}

/// A CORS preflight, which browsers send without credentials (Fetch, section "CORS-preflight fetch").
fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
