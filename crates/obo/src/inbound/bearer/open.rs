use std::collections::HashMap;
use std::sync::Arc;

use http::{Method, Request, header};
use obo_core::ConfigError;

use crate::inbound::by_method::{ByMethod, Entry};
use crate::path::PathPattern;

/// The requests that need no token; a token that is sent all the same is validated.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    pub(super) all: bool,
    pub(super) preflight: bool,
    paths: Arc<HashMap<String, ByMethod<()>>>,
}

impl Open {
    pub(super) fn add(&mut self, entry: &str) -> Result<(), ConfigError> {
        let entry = Entry::parse(entry)?;
        let path = PathPattern::exact(entry.path)?;
        let listed = Arc::make_mut(&mut self.paths).entry(path.as_str().to_owned());
        listed.or_default().insert(&entry, ())
    }

    pub(super) fn covers<B>(&self, request: &Request<B>) -> bool {
        self.all
            || self.lists(request.method(), request.uri().path())
            || self.preflight && is_preflight(request)
    }

    fn lists(&self, method: &Method, path: &str) -> bool {
        let listed = self.paths.get(path);
        listed.is_some_and(|listed| listed.get(method).is_some())
    }
}

/// A CORS preflight, which browsers send without credentials (Fetch, section "CORS-preflight fetch").
fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
