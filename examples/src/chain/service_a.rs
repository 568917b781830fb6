//! ServiceA: an axum service that users call, which calls ServiceB on behalf of them.

use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule};
use obo_axum::Authenticated;
use serde::{Deserialize, Serialize};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use super::hop;
use crate::BoxError;
use crate::stock::stock_client::StockClient;
use crate::stock::{Hop, Sku};

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

#[derive(Clone)]
struct Services {
    stock: obo_tonic::OnBehalfOf<Channel>,
    /// The authorization server does not let ServiceA reach ServiceC.
    ledger: obo::OnBehalfOf<HttpClient>,
    ledger_uri: String,
}

/// What `/orders` answers: the calls that were made for it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Orders {
    /// How many pieces there are.
    pub pieces: u32,
    /// The calls, in order.
    pub hops: Vec<Called>,
}

/// One call as the called service saw it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Called {
    /// Who called.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// To whom the token was addressed.
    pub audience: String,
    /// On whose behalf.
    pub subject: String,
    /// Who acted, then who acted before.
    pub actors: Vec<String>,
    /// "received", "exchanged" or "cached".
    pub token: String,
    /// How long the call took.
    pub micros: u64,
}

impl From<Hop> for Called {
    fn from(hop: Hop) -> Self {
        Self {
            from: hop.from,
            to: hop.to,
            audience: hop.audience,
            subject: hop.subject,
            actors: hop.actors,
            token: hop.token,
            micros: hop.micros,
        }
    }
}

/// The service, which accepts tokens by `server` and calls others through these clients.
///
/// # Errors
///
/// When a rule is no rule.
pub fn service_a(
    server: ResourceServer,
    stock: obo_tonic::OnBehalfOf<Channel>,
    ledger: obo::OnBehalfOf<HttpClient>,
    ledger_uri: String,
) -> Result<Router, BoxError> {
    let may_read = RequireLayer::new(Rule::scopes(["orders:read"]).and(Rule::user()))?;
    Ok(Router::new()
        .route("/orders", get(orders))
        .route("/ledger", get(entries))
        .route_layer(may_read)
        .layer(BearerAuthLayer::new(server))
        .with_state(Services {
            stock,
            ledger,
            ledger_uri,
        }))
}

async fn orders(
    Authenticated(caller): Authenticated,
    State(services): State<Services>,
) -> Result<Json<Orders>, ApiError> {
    let mut client = StockClient::new(services.stock.on_behalf_of(&caller));
    let started = Instant::now();
    let level = client.level(Sku { id: "tea".into() }).await?;
    let (_, level, extensions) = level.into_parts();
    let mut hops = vec![hop::seen("alice's app", "service-a", &caller)];
    hops.extend(level.hops);
    if let Some(to_b) = hops.get_mut(1) {
        hop::called(to_b, extensions.get(), started.elapsed());
    }
    Ok(Json(Orders {
        pieces: level.pieces,
        hops: hops.into_iter().map(Called::from).collect(),
    }))
}

async fn entries(
    Authenticated(caller): Authenticated,
    State(services): State<Services>,
) -> Result<StatusCode, ApiError> {
    let request = Request::get(services.ledger_uri).body(Empty::new())?;
    let ledger = services.ledger.on_behalf_of(&caller);
    Ok(ledger.oneshot(request).await?.status())
}

/// An error as ServiceA answers it, and in a header why, for the trace; a real service would log that.
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
        // ServiceB could not go on, or not now: what its status says is the caller's answer as well.
        let status = cause.downcast_ref().map(Status::code);
        match (self.0.response(), status) {
            (None, Some(Code::PermissionDenied)) => StatusCode::FORBIDDEN.into_response(),
            (None, Some(Code::Unavailable)) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            _ => ([("x-reason", reason)], self.0).into_response(),
        }
    }
}
