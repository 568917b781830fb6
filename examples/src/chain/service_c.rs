//! ServiceC: an axum service that only ServiceB may call, on behalf of a user.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use axum::{Json, Router};
use obo::trace::TraceContextLayer;
use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule};
use obo_axum::User;

use super::Watch;
use crate::BoxError;
use crate::stock::{Availability, Hop};

/// The service, which accepts tokens by `server` and counts every request that reaches it. `watch`
/// is for the page.
///
/// # Errors
///
/// If the rule is not valid.
pub fn service_c(
    server: ResourceServer,
    requests: Arc<AtomicUsize>,
    watch: &Watch,
) -> Result<Router, BoxError> {
    let only_service_b = Rule::actors(["service-b"]);
    let watched = watch.layer("service-c", &server, &only_service_b);
    let count = from_fn(move |request: Request, next: Next| {
        requests.fetch_add(1, Ordering::SeqCst);
        next.run(request)
    });
    Ok(Router::new()
        .route("/ledger", get(ledger))
        .route_layer(RequireLayer::new(only_service_b)?)
        .layer(BearerAuthLayer::new(server))
        .layer(watched)
        .layer(TraceContextLayer::new())
        .layer(count))
}

async fn ledger(User(caller): User) -> Json<Availability> {
    Json(Availability {
        pieces: 3,
        hops: vec![Hop::seen("service-b", "service-c", &caller)],
    })
}
