//! ServiceB: a tonic service that only ServiceA may call, and that calls ServiceC over plain HTTP.

use std::time::Instant;

use bytes::Bytes;
use http::{Request as HttpRequest, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use obo::{BearerAuthLayer, CallError, OnBehalfOf, ResourceServer, Rule};
use obo_tonic::RejectionLayer;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Response, Status};
use tower::ServiceExt as _;
use tower::layer::util::{Identity, Stack};

use crate::BoxError;
use crate::stock::stock_server::{Stock, StockServer};
use crate::stock::{Availability, Hop, Sku};

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

struct StockService {
    ledger: OnBehalfOf<HttpClient>,
    ledger_uri: String,
}

/// The layers that every request passes, the last one first.
pub(super) type Layers = Stack<RejectionLayer, Stack<BearerAuthLayer, Identity>>;

/// The service, which accepts tokens by `server` and calls ServiceC through `ledger`.
///
/// # Errors
///
/// If the rule is not valid.
pub fn service_b(
    server: ResourceServer,
    ledger: OnBehalfOf<HttpClient>,
    ledger_uri: String,
) -> Result<Router<Layers>, BoxError> {
    let only_service_a = obo_tonic::require(Rule::actors(["service-a"]))?;
    let stock = StockService { ledger, ledger_uri };
    let stock = StockServer::with_interceptor(stock, only_service_a);
    Ok(Server::builder()
        .layer(BearerAuthLayer::new(server))
        .layer(RejectionLayer)
        .add_service(stock))
}

#[tonic::async_trait]
impl Stock for StockService {
    async fn level(&self, request: Request<Sku>) -> Result<Response<Availability>, Status> {
        let caller = obo_tonic::caller(&request)?;
        // The caller travels in the request's extensions; the client finds the destination by the
        // URI.
        let mut call = HttpRequest::get(&self.ledger_uri)
            .body(Empty::new())
            .map_err(|_| Status::internal("not a URI"))?;
        call.extensions_mut().insert(caller.clone());
        let started = Instant::now();
        let response = self.ledger.clone().oneshot(call).await;
        let response = response.map_err(|error| match error {
            CallError::Exchange(error) => obo_tonic::status(&error.response()),
            CallError::Inner(_) => Status::unavailable("service-c does not respond"),
        })?;
        let (parts, body) = response.into_parts();
        if parts.status != StatusCode::OK {
            return Err(Status::internal(format!("service-c: {}", parts.status)));
        }
        let body = body.collect().await;
        let body = body.map_err(|_| Status::internal("service-c stopped"))?;
        let mut level: Availability = serde_json::from_slice(&body.to_bytes())
            .map_err(|_| Status::internal("service-c sent something else"))?;
        for to_c in &mut level.hops {
            to_c.called(parts.extensions.get(), started);
        }
        let to_b = Hop::seen("service-a", "service-b", caller);
        level.hops.insert(0, to_b);
        Ok(Response::new(level))
    }
}
