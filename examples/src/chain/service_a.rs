//! ServiceA: an axum service that users call, and that calls ServiceB on their behalf.

use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{Request, StatusCode};
use obo::trace::{Propagate, TraceContextLayer};
use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule};
use obo_axum::Authenticated;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use super::Watch;
use super::connections::Http;
use crate::BoxError;
use crate::stock::stock_client::StockClient;
use crate::stock::{Availability, Hop, Sku};

#[derive(Clone)]
struct Services {
    stock: obo_tonic::OnBehalfOf<Propagate<Channel>>,
    /// The authorization server does not let ServiceA reach ServiceC.
    ledger: obo::OnBehalfOf<Propagate<Http>>,
    ledger_uri: String,
}

/// The service, which accepts tokens by `server` and calls others through these clients. `watch` is
/// for the page.
///
/// # Errors
///
/// If the rule is not valid.
pub fn service_a(
    server: ResourceServer,
    stock: obo_tonic::OnBehalfOf<Propagate<Channel>>,
    ledger: obo::OnBehalfOf<Propagate<Http>>,
    ledger_uri: String,
    watch: &Watch,
) -> Result<Router, BoxError> {
    let may_read = Rule::scopes(["orders:read"]).and(Rule::user());
    let watched = watch.layer("service-a", &server, &may_read);
    Ok(Router::new()
        .route("/orders", get(orders))
        .route("/ledger", get(entries))
        .route_layer(RequireLayer::new(may_read)?)
        .layer(BearerAuthLayer::new(server))
        .layer(watched)
        .layer(TraceContextLayer::new())
        .with_state(Services {
            stock,
            ledger,
            ledger_uri,
        }))
}

async fn orders(
    Authenticated(caller): Authenticated,
    State(services): State<Services>,
) -> Result<Json<Availability>, ApiError> {
    let mut client = StockClient::new(services.stock.on_behalf_of(&caller));
    let started = Instant::now();
    let response = client.level(Sku { id: "tea".into() }).await?;
    let (_, mut level, extensions) = response.into_parts();
    if let Some(to_b) = level.hops.first_mut() {
        to_b.called(extensions.get(), started);
    }
    let to_a = Hop::seen("alice's app", "service-a", &caller);
    level.hops.insert(0, to_a);
    Ok(Json(level))
}

async fn entries(
    Authenticated(caller): Authenticated,
    State(services): State<Services>,
) -> Result<StatusCode, ApiError> {
    let request = Request::get(services.ledger_uri).body(String::new())?;
    let ledger = services.ledger.on_behalf_of(&caller);
    Ok(ledger.oneshot(request).await?.status())
}

/// An error with its reason in a header, for the trace. A real service logs the reason.
struct ApiError(obo_axum::Error);

impl<E: std::error::Error + Send + Sync + 'static> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let cause = self.0.cause();
        let reason = cause.source().map_or(cause.to_string(), |e| e.to_string());
        // ServiceB could not continue, or not now: the caller gets the same status.
        let status = cause.downcast_ref().map(Status::code);
        match (self.0.response(), status) {
            (None, Some(Code::PermissionDenied)) => StatusCode::FORBIDDEN.into_response(),
            (None, Some(Code::Unavailable)) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            _ => ([("x-reason", reason)], self.0).into_response(),
        }
    }
}
