use std::collections::HashSet;
use std::sync::Arc;

use http::{Method, Request, header};

use crate::ConfigError;
use crate::exact_path::ExactPath;

/// The requests that need no token; one that is sent all the same is judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    pub(super) all: bool,
    pub(super) preflight: bool,
    paths: Arc<HashSet<ExactPath>>,
}

impl Open {
    pub(super) fn add(&mut self, path: &str) -> Result<(), ConfigError> {
        let listed = ExactPath::parse("public_paths", path)?;
        if !Arc::make_mut(&mut self.paths).insert(listed) {
            return Err(ConfigError::new(
                "public_paths",
                format!("{path:?} is listed twice"),
            ));
        }
        Ok(())
    }

    pub(super) fn covers<B>(&self, request: &Request<B>) -> bool {
        self.all
            || self.paths.contains(request.uri().path())
            || self.preflight && is_preflight(request)
    }
}

/// A CORS preflight, which browsers send without credentials (Fetch, section "CORS-preflight fetch").
fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
