//! ServiceB, which the examples call, and what they call it with.

use std::net::Ipv4Addr;

use axum::body::Body;
use axum::{Router, routing::get};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use obo::{BearerAuthLayer, Caller, ResourceServer, Rule};
use obo_axum::Authenticated;
use obo_testkit::TestIdp;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::transport::Server;
use tower::ServiceExt as _;

use crate::BoxError;
use crate::stock::stock_server::{Stock, StockServer};
use crate::stock::{Availability, Sku};

/// Sends a request without a body to a router in this process: `GET /orders`, and the access token.
///
/// An empty token sends no `Authorization`.
///
/// # Errors
///
/// Fails if `request` is not a method and a path.
pub async fn send(
    app: &Router,
    request: &str,
    token: &str,
) -> Result<(StatusCode, String), BoxError> {
    let (method, path) = request.split_once(' ').ok_or("no method")?;
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = app.clone().oneshot(request.body(Body::empty())?).await?;
    Ok((response.status(), text(response).await?))
}

/// The HTTP client of the examples. It has no TLS: all servers are on this machine.
pub type Http = Client<HttpConnector, String>;

/// Makes an HTTP client.
pub fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Reads the body of a response as text.
///
/// # Errors
///
/// Fails if the body breaks off or is not UTF-8.
pub async fn text<B>(response: Response<B>) -> Result<String, BoxError>
where
    B: http_body::Body<Error: Into<BoxError>>,
{
    let body = response.into_body().collect().await.map_err(Into::into)?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

/// Returns a user as a handler of ServiceA gets it from [`Authenticated`].
///
/// # Errors
///
/// Fails if the token is rejected.
pub async fn caller(idp: &TestIdp, user: &str) -> Result<Caller, BoxError> {
    let server = ResourceServer::builder("service-a").trust(idp.issuer());
    let token = idp.user(user).audience("service-a").mint();
    Ok(server.build()?.validate(&token).await?)
}

/// Serves a router on a free port of this machine, and returns its URL.
///
/// # Errors
///
/// Fails if there is no port.
pub async fn serve(app: Router) -> Result<String, BoxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// Serves ServiceB, and returns its URL. It responds with the user and the service that calls.
///
/// # Errors
///
/// Fails if there is no port.
pub async fn service_b(idp: &TestIdp) -> Result<String, BoxError> {
    let server = ResourceServer::builder("service-b").trust(idp.issuer());
    let app = Router::new()
        .route("/level", get(level))
        .layer(BearerAuthLayer::new(server.build()?));
    serve(app).await
}

async fn level(Authenticated(caller): Authenticated) -> String {
    match caller.current_actor() {
        Some(actor) => format!("{} through {}", caller.subject(), actor.subject()),
        None => caller.subject().to_owned(),
    }
}

/// ServiceB's gRPC service: it has three pieces of everything.
#[derive(Debug)]
pub struct StockService;

#[tonic::async_trait]
impl Stock for StockService {
    async fn level(&self, _: tonic::Request<Sku>) -> Result<tonic::Response<Availability>, Status> {
        let hops = Vec::new();
        Ok(tonic::Response::new(Availability { pieces: 3, hops }))
    }
}

/// Serves ServiceB as a gRPC service that only ServiceA may call for a user, and returns its URL.
///
/// # Errors
///
/// Fails if there is no port.
pub async fn grpc_service_b(idp: &TestIdp) -> Result<String, BoxError> {
    let server = ResourceServer::builder("service-b").trust(idp.issuer());
    let only_service_a = obo_tonic::require(Rule::actors(["service-a"]).and(Rule::user()))?;
    let service = Server::builder()
        .layer(BearerAuthLayer::new(server.build()?))
        .layer(obo_tonic::RejectionLayer)
        .add_service(StockServer::with_interceptor(StockService, only_service_a));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(service.serve_with_incoming(incoming));
    Ok(url)
}
