//! ServiceB: a tonic service that only ServiceA may call, and that calls ServiceC over HTTP.

use std::time::Instant;

use http::{Request as HttpRequest, StatusCode};
use obo::trace::{Propagate, TraceContextLayer};
use obo::{BearerAuthLayer, CallError, OnBehalfOf, ResourceServer, Rule};
use obo_tonic::{ClientCertificateLayer, RejectionLayer};
use tonic::transport::server::Router;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tower::ServiceExt as _;
use tower::layer::util::{Identity, Stack};

use super::connections::Http;
use super::{Watch, WatchLayer};
use crate::BoxError;
use crate::services::text;
use crate::stock::stock_server::{Stock, StockServer};
use crate::stock::{Availability, Hop, Sku};

struct StockService {
    ledger: OnBehalfOf<Propagate<Http>>,
    ledger_uri: String,
}

/// The layers that every request passes, the last one first.
pub(super) type Layers = Stack<
    RejectionLayer,
    Stack<
        BearerAuthLayer,
        Stack<WatchLayer, Stack<TraceContextLayer, Stack<ClientCertificateLayer, Identity>>>,
    >,
>;

/// The service, which accepts tokens by `server` and calls ServiceC through `ledger`, with TLS if
/// there is a configuration. `watch` is for the page.
///
/// # Errors
///
/// If the rule is not valid.
pub fn service_b(
    server: ResourceServer,
    tls: Option<ServerTlsConfig>,
    ledger: OnBehalfOf<Propagate<Http>>,
    ledger_uri: String,
    watch: &Watch,
) -> Result<Router<Layers>, BoxError> {
    let only_service_a = Rule::actors(["service-a"]);
    let watched = watch.layer("service-b", &server, &only_service_a);
    let stock = StockService { ledger, ledger_uri };
    let stock = StockServer::with_interceptor(stock, obo_tonic::require(only_service_a)?);
    let service = match tls {
        Some(tls) => Server::builder().tls_config(tls)?,
        None => Server::builder(),
    };
    Ok(service
        .layer(ClientCertificateLayer::new())
        .layer(TraceContextLayer::new())
        .layer(watched)
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
            .body(String::new())
            .map_err(|_| Status::internal("not a URI"))?;
        call.extensions_mut().insert(caller.clone());
        let started = Instant::now();
        let response = self.ledger.clone().oneshot(call).await;
        let response = response.map_err(|error| match error {
            CallError::Exchange(error) => obo_tonic::status(&error.response()),
            CallError::Inner(_) => Status::unavailable("service-c does not respond"),
        })?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            return Err(Status::internal(format!("service-c: {status}")));
        }
        let source = response.extensions().get().copied();
        let body = text(response).await;
        let body = body.map_err(|_| Status::internal("service-c stopped"))?;
        let mut level: Availability = serde_json::from_str(&body)
            .map_err(|_| Status::internal("service-c sent something else"))?;
        for to_c in &mut level.hops {
            to_c.called(source.as_ref(), started);
        }
        let to_b = Hop::seen("service-a", "service-b", caller);
        level.hops.insert(0, to_b);
        Ok(Response::new(level))
    }
}
