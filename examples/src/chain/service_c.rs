//! ServiceC: an axum service that only ServiceB may call, on behalf of a user.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule};
use obo_axum::User;
use serde::{Deserialize, Serialize};

use super::hop;
use crate::BoxError;
use crate::stock::Hop;

/// What ServiceC answers: what it knows of the call.
#[derive(Debug, Serialize, Deserialize)]
pub struct Received {
    /// How many pieces there are.
    pub pieces: u32,
    /// To whom the token is addressed.
    pub audience: String,
    /// Who the user is.
    pub subject: String,
    /// Who calls, then who called before.
    pub actors: Vec<String>,
}

impl Received {
    pub(super) fn hop(&self) -> Hop {
        Hop {
            from: "service-b".to_owned(),
            to: "service-c".to_owned(),
            audience: self.audience.clone(),
            subject: self.subject.clone(),
            actors: self.actors.clone(),
            ..Hop::default()
        }
    }
}

/// The service, which accepts tokens by `server` and counts every request that reaches it at all.
///
/// # Errors
///
/// When a rule is no rule.
pub fn service_c(server: ResourceServer, requests: Arc<AtomicUsize>) -> Result<Router, BoxError> {
    Ok(Router::new()
        .route("/ledger", get(ledger))
        .route_layer(RequireLayer::new(Rule::actors(["service-b"]))?)
        .layer(BearerAuthLayer::new(server))
        .layer(from_fn_with_state(requests, count)))
}

async fn ledger(User(caller): User) -> Json<Received> {
    let seen = hop::seen("service-b", "service-c", &caller);
    Json(Received {
        pieces: 3,
        audience: seen.audience,
        subject: seen.subject,
        actors: seen.actors,
    })
}

async fn count(
    State(requests): State<Arc<AtomicUsize>>,
    request: Request,
    next: Next,
) -> axum::response::Response {
    requests.fetch_add(1, Ordering::SeqCst);
    next.run(request).await
}
