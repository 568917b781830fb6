use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use obo::path::PathPattern;
use obo::{ConfigError, ResourceServer};
use serde::Deserialize;

/// The `[probes]` of the file: paths that whoever runs this gateway asks at, without a token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbesConfig {
    live: Option<String>,
    ready: Option<String>,
}

/// The probes, and the keys that it is ready with.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    paths: ProbesConfig,
    server: ResourceServer,
}

impl ProbesConfig {
    pub(super) fn build(self, server: &ResourceServer) -> Result<Probes, ConfigError> {
        for (field, path) in [("live", &self.live), ("ready", &self.ready)] {
            let path = path.as_deref().map(PathPattern::exact);
            path.transpose().map_err(|error| error.at(field))?;
        }
        if self.live.is_some() && self.live == self.ready {
            let problem = "is the path of `live` too; write another one";
            return Err(ConfigError::new("ready", problem));
        }
        Ok(Probes {
            paths: self,
            server: server.clone(),
        })
    }
}

/// Answers the probes, before anything else is asked of a request.
pub(super) async fn probes(State(probes): State<Probes>, request: Request, next: Next) -> Response {
    let (path, paths) = (request.uri().path(), &probes.paths);
    let is_at = |probe: &Option<String>| probe.as_deref() == Some(path);
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_read && is_at(&paths.live) {
        return "live\n".into_response();
    }
    if is_read && is_at(&paths.ready) {
        // A lazy issuer never holds readiness: its first token fetches its keys.
        return match probes.server.is_ready() {
            true => "ready\n".into_response(),
            false => {
                tracing::warn!("not ready: keys of an issuer that is not lazy are missing");
                (StatusCode::SERVICE_UNAVAILABLE, "keys are missing\n").into_response()
            }
        };
    }
    next.run(request).await
}
