//! The gateway as a fourth server: over HTTP/1.1, and over HTTP/2 for gRPC.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use obo_gateway::{Config, Gateway};
use obo_tests::expected::Got;
use obo_tests::servers::got;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The only token that the upstream may receive.
pub(crate) const EXCHANGED: &str = "exchanged";

/// A route with the rule of the other three servers, and an upstream.
const ROUTE: &str = r#"
listen = "127.0.0.1:0"

[client]
id = "service-a"
client_secret_basic = "s3cret"

[[routes]]
path = "/test.Probe/{*method}"
scopes = ["stock:read"]
actors = ["service-b"]
require_actor = true
upstream = "UPSTREAM/test.Probe"
exchange = { issuer = "EXCHANGE", audience = "service-b", subject_issuers = [TRUSTED] }
"#;

pub(crate) struct GatewayServer {
    address: SocketAddr,
    http1: Client<HttpConnector, Full<Bytes>>,
    http2: Client<HttpConnector, Full<Bytes>>,
    /// The headers of each request that reached the upstream.
    upstream: Arc<Mutex<Vec<HeaderMap>>>,
}

/// The issuers of a configuration, in quotes.
fn issuers_in(resource_server: &str) -> Vec<&str> {
    let lines = resource_server.lines();
    lines
        .filter_map(|line| line.strip_prefix("issuer = "))
        .collect()
}

impl GatewayServer {
    /// Trusts the issuers of this part of a configuration file, and exchanges tokens at `exchange`.
    pub(crate) async fn start(resource_server: &str, exchange: &str) -> Self {
        let upstream = Arc::default();
        let url = start_upstream(Arc::clone(&upstream)).await;
        let route = ROUTE
            .replace("UPSTREAM", &url)
            .replace("EXCHANGE", exchange)
            .replace("TRUSTED", &issuers_in(resource_server).join(", "));
        let config = Config::parse(&format!("{route}\n{resource_server}")).unwrap();
        let gateway = Gateway::start(config).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(gateway.serve(listener, std::future::pending()));
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = || {
            let mut client = Client::builder(TokioExecutor::new());
            // The gateway closes idle connections later, possibly just as a request arrives.
            client.pool_idle_timeout(Duration::from_secs(5));
            client
        };
        Self {
            address,
            http1: client().build(connector.clone()),
            http2: client().http2_only(true).build(connector),
            upstream,
        }
    }

    /// Sends a request whose URI is a path and a query.
    pub(crate) async fn send(&self, mut request: http::Request<Full<Bytes>>, is_grpc: bool) -> Got {
        let uri = format!("http://{}{}", self.address, request.uri());
        *request.uri_mut() = uri.parse().unwrap();
        let client = if is_grpc { &self.http2 } else { &self.http1 };
        got(client.request(request).await.unwrap()).await
    }

    /// Sends these bytes on a new connection, and returns everything until it is closed.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        // The gateway may close it before everything is sent.
        let _ = connection.write_all(bytes).await;
        let mut back = Vec::new();
        let _ = connection.read_to_end(&mut back).await;
        String::from_utf8_lossy(&back).into_owned()
    }

    /// Takes the headers that the upstream received since the last call.
    pub(crate) fn take_upstream(&self) -> Vec<HeaderMap> {
        std::mem::take(&mut self.upstream.lock().unwrap())
    }
}

async fn start_upstream(seen: Arc<Mutex<Vec<HeaderMap>>>) -> String {
    let respond = move |request: Request| {
        seen.lock().unwrap().push(request.headers().clone());
        let response = respond_to(&request);
        async { response }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(respond);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn respond_to(request: &Request) -> Response {
    match request.headers().get("content-type") {
        Some(kind) if kind.as_bytes().starts_with(b"application/grpc") => {
            let fields = [("content-type", "application/grpc"), ("grpc-status", "0")];
            (fields, Body::empty()).into_response()
        }
        _ => Body::empty().into_response(),
    }
}
