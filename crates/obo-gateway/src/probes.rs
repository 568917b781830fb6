use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use obo::path::PathPattern;
use obo::{ConfigError, ResourceServer};
use serde::Deserialize;

use super::shared::Sharing;

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

/// What must be there before the first request.
#[derive(Clone)]
pub(super) struct Readiness {
    pub(super) server: ResourceServer,
    pub(super) sharing: Sharing,
}

impl Readiness {
    /// What is missing.
    pub(super) fn problem(&self) -> Option<&'static str> {
        // A lazy issuer does not delay readiness: its first token fetches its keys.
        if !self.server.is_ready() {
            return Some("keys are missing");
        }
        (!self.sharing.is_ready()).then_some("the logouts of the shared store are missing")
    }
}

/// Responds to probes, before anything else is checked.
pub(super) async fn probes(
    State((probes, readiness)): State<(ProbesConfig, Readiness)>,
    request: Request,
    next: Next,
) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let Some(probe) = probes.at(request.uri().path()).filter(|_| is_read) else {
        return next.run(request).await;
    };
    let problem = match probe {
        "ready" => readiness.problem(),
        _ => None,
    };
    match problem {
        None => format!("{probe}\n").into_response(),
        Some(problem) => {
            tracing::warn!("not ready: {problem}");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response()
        }
    }
}
