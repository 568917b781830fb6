use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use obo::path::PathPattern;
use obo::{ConfigError, ResourceServer};
use serde::Deserialize;

/// The `[probes]` of the file: paths that require no token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbesConfig {
    live: Option<String>,
    ready: Option<String>,
}

impl ProbesConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (field, path) in [("live", &self.live), ("ready", &self.ready)] {
            let path = path.as_deref().map(PathPattern::exact);
            path.transpose().map_err(|error| error.at(field))?;
        }
        if self.live.is_some() && self.live == self.ready {
            let problem = "is the path of `live` too; choose another path";
            return Err(ConfigError::new("ready", problem));
        }
        Ok(())
    }

    /// Returns the name of the probe at a path.
    pub(super) fn at(&self, path: &str) -> Option<&'static str> {
        let probes = [("live", &self.live), ("ready", &self.ready)];
        let mut probes = probes.into_iter();
        let probe = probes.find(|(_, probe)| probe.as_deref() == Some(path));
        probe.map(|(name, _)| name)
    }
}

/// Responds to probes, before anything else is checked.
pub(super) async fn probes(
    State((probes, server)): State<(ProbesConfig, ResourceServer)>,
    request: Request,
    next: Next,
) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match probes.at(request.uri().path()) {
        Some("live") if is_read => "live\n".into_response(),
        // A lazy issuer does not delay readiness: its first token fetches its keys.
        Some(_) if is_read && server.is_ready() => "ready\n".into_response(),
        Some(_) if is_read => {
            tracing::warn!("not ready: the keys of an issuer with `lazy = false` are missing");
            (StatusCode::SERVICE_UNAVAILABLE, "keys are missing\n").into_response()
        }
        _ => next.run(request).await,
    }
}
