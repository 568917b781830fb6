//! ServiceB: a tonic service that only ServiceA may call, which calls ServiceC over plain HTTP.

use std::time::Instant;

use bytes::Bytes;
use http::{Request as HttpRequest, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use obo::exchange::TokenSource;
use obo::{BearerAuthLayer, CallError, OnBehalfOf, ResourceServer, Rule};
use obo_tonic::RejectionLayer;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Response, Status};
use tower::ServiceExt as _;
use tower::layer::util::{Identity, Stack};

use super::{Received, hop};
use crate::BoxError;
use crate::stock::stock_server::{Stock, StockServer};
use crate::stock::{Availability, Sku};

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

struct StockService {
    ledger: OnBehalfOf<HttpClient>,
    ledger_uri: String,
}

/// What every request passes, the last one first.
pub(super) type Layers = Stack<RejectionLayer, Stack<BearerAuthLayer, Identity>>;

/// The service, which accepts tokens by `server` and calls ServiceC through `ledger`.
///
/// # Errors
///
/// When a rule is no rule.
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
        let to_b = hop::seen("service-a", "service-b", caller);

        let mut call = HttpRequest::get(&self.ledger_uri)
            .body(Empty::new())
            .map_err(|_| Status::internal("no URI"))?;
        // The caller travels in the request; which destination it goes to, the client finds by the URI.
        call.extensions_mut().insert(caller.clone());
        let started = Instant::now();
        let answer = self.ledger.clone().oneshot(call).await;
        let answer = answer.map_err(|error| match error {
            CallError::Exchange(error) => obo_tonic::status(&error.response()),
            CallError::Inner(_) => Status::unavailable("service-c does not answer"),
        })?;
        let took = started.elapsed();
        if answer.status() != StatusCode::OK {
            return Err(Status::internal(format!("service-c: {}", answer.status())));
        }
        let source = answer.extensions().get::<TokenSource>().copied();
        let body = answer.into_body().collect().await;
        let body = body.map_err(|_| Status::internal("service-c stopped"))?;
        let received: Received = serde_json::from_slice(&body.to_bytes())
            .map_err(|_| Status::internal("service-c sent something else"))?;
        let mut to_c = received.hop();
        hop::called(&mut to_c, source.as_ref(), took);
        Ok(Response::new(Availability {
            pieces: received.pieces,
            hops: vec![to_b, to_c],
        }))
    }
}
