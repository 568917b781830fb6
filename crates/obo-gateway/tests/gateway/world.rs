//! The gateway between an authorization server and an upstream, and a client of it.

use std::net::SocketAddr;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use obo_gateway::{Config, Gateway};
use obo_testkit::{TestIdp, TokenBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::upstream::Upstream;

const CONFIG: &str = r#"
listen = "127.0.0.1:0"

[resource_server]
audiences = ["service-a"]
issuers = [ISSUERS]

[client]
issuer = "IDP"
id = "service-a"
client_secret_basic = "s3cret"

[[clients]]
issuer = "UPSTREAM/idp"
id = "service-a-elsewhere"
client_secret_basic = "an0ther"

[[routes]]
path = "/protected"
actors = ["svc-a", "svc-b", { iss = "https://other.example", sub = "svc-x" }]

[[routes]]
path = "/partners"
issuers = ["IDP"]
actors = [{ iss = "https://other.example", sub = "svc-x" }]
require_actor = true

[[routes]]
path = "/acted"
actors = ["svc-a"]
require_actor = true

[[routes]]
path = "/any-actor"
require_actor = true

[[routes]]
path = "/scoped"
scopes = ["read:orders", "list:orders"]

[[routes]]
path = "/orders/{*rest}"
scopes = ["read:orders"]
upstream = "UPSTREAM/base"
exchange = { issuer = "IDP", audience = "service-b", scopes = ["b.read"], dialect = "rfc8693" }

[[routes]]
path = "/orders/admin"
scopes = ["admin"]
upstream = "UPSTREAM/admin"
exchange = { issuer = "IDP", audience = "service-b" }

[[routes]]
path = "/stock.Stock/{*method}"
upstream = "UPSTREAM/stock.Stock"
exchange = { issuer = "IDP", audience = "service-b" }

[[routes]]
path = "/one"
upstream = "UPSTREAM"
exchange = { issuer = "IDP", audience = "service-b" }

[[routes]]
path = "/plain/{*rest}"
upstream = "UPSTREAM"
exchange = { issuer = "IDP", resource = "https://service-b.example" }

[[routes]]
path = "/denied/{*rest}"
upstream = "UPSTREAM"
exchange = { issuer = "IDP", audience = "service-x" }

[[routes]]
path = "/elsewhere/{*rest}"
upstream = "UPSTREAM"
exchange = { issuer = "UPSTREAM/idp", audience = "service-b", subject_issuers = ["IDP"] }

[[routes]]
path = "/raw/{*rest}"
upstream = "RAW"
exchange = { issuer = "IDP", audience = "service-b" }

[[routes]]
path = "/closed/{*rest}"
upstream = "CLOSED"
exchange = { issuer = "IDP", audience = "service-b" }

[[routes]]
path = "/impatient/{*rest}"
upstream = "UPSTREAM"
timeout = "200ms"
exchange = { issuer = "IDP", audience = "service-b" }
"#;

type HttpClient = Client<HttpConnector, Body>;

pub(crate) struct World {
    pub(crate) idp: TestIdp,
    pub(crate) upstream: Upstream,
    /// An upstream whose responses a test writes byte by byte.
    pub(crate) raw_upstream: TcpListener,
    /// Another issuer, which the upstream plays.
    pub(crate) other_issuer: String,
    pub(crate) upstream_url: String,
    pub(crate) address: SocketAddr,
    pub(crate) http1: HttpClient,
    pub(crate) http2: HttpClient,
    stop: Option<oneshot::Sender<()>>,
    _closed: TcpSocket,
    pub(crate) served: Option<JoinHandle<()>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::trusting(r#"{ issuer = "IDP" }"#).await
    }

    /// Starts with these issuers in `resource_server`. `IDP` stands for the real one.
    pub(crate) async fn trusting(issuers: &str) -> Self {
        Self::with(issuers, "").await
    }

    /// Starts with more tables in the configuration. `IDP`, `UPSTREAM` and `RAW` stand for real
    /// URLs.
    pub(crate) async fn configured(more: &str) -> Self {
        Self::with(r#"{ issuer = "IDP" }"#, more).await
    }

    /// Starts with both.
    pub(crate) async fn with(issuers: &str, more: &str) -> Self {
        let idp = TestIdp::start().await;
        let client = idp.client("service-a").secret("s3cret");
        client
            .may_exchange_to("service-b")
            .may_exchange_to("https://service-b.example");
        let (upstream, url) = Upstream::start().await;
        let raw_upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Bound without listening: no other process gets the port, and connections are refused.
        let closed = TcpSocket::new_v4().unwrap();
        closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = format!("{CONFIG}{more}")
            .replace("ISSUERS", issuers)
            .replace("IDP", idp.issuer())
            .replace("UPSTREAM", &url)
            .replace(
                "RAW",
                &format!("http://{}", raw_upstream.local_addr().unwrap()),
            )
            .replace(
                "CLOSED",
                &format!("http://{}", closed.local_addr().unwrap()),
            );
        let gateway = Gateway::start(Config::parse(&config).unwrap());
        let gateway = gateway.await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(gateway.serve(listener, async { drop(stopped.await) }));
        let client = || Client::builder(TokioExecutor::new());
        Self {
            idp,
            upstream,
            raw_upstream,
            other_issuer: format!("{url}/idp"),
            upstream_url: url,
            address,
            http1: client().build_http(),
            http2: client().http2_only(true).build_http(),
            stop: Some(stop),
            _closed: closed,
            served: Some(served),
        }
    }

    pub(crate) fn alice(&self) -> TokenBuilder {
        let token = self.idp.user("alice").audience("service-a");
        token.scope("read:orders").client_id("alices-app")
    }

    /// A request with a token of alice.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        self.request_with(&self.alice().mint(), method, path)
    }

    pub(crate) fn request_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
    ) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
    }

    /// Sends a request without a body over HTTP/1.1 and HTTP/2. Both responses must be equal.
    pub(crate) async fn get(&self, token: &str, path: &str) -> Got {
        let request = || {
            let request = self.request_with(token, "GET", path);
            request.body(Body::empty()).unwrap()
        };
        let mut got = Got::of(self.http1.request(request()).await.unwrap()).await;
        let mut other = Got::of(self.http2.request(request()).await.unwrap()).await;
        for got in [&mut got, &mut other] {
            got.headers.remove(header::DATE);
        }
        assert_eq!(got, other);
        got
    }

    /// Sends the request over HTTP/1.1.
    pub(crate) async fn send(&self, request: Request<Body>) -> Got {
        Got::of(self.http1.request(request).await.unwrap()).await
    }

    /// Sends a call over HTTP/2 as gRPC does.
    pub(crate) async fn call(&self, token: &str, path: &str) -> Got {
        let request = self
            .request_with(token, "POST", path)
            .header(header::CONTENT_TYPE, "application/grpc+proto")
            .header(header::TE, "trailers")
            // One empty message.
            .body(Body::from(Bytes::from_static(&[0; 5])));
        Got::of(self.http2.request(request.unwrap()).await.unwrap()).await
    }

    /// Sends these bytes on a new connection. Returns all bytes until the connection is closed.
    pub(crate) async fn raw(&self, bytes: &str) -> String {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        connection.write_all(bytes.as_bytes()).await.unwrap();
        let mut back = Vec::new();
        connection.read_to_end(&mut back).await.unwrap();
        String::from_utf8_lossy(&back).into_owned()
    }

    /// Responds to the next request to the raw upstream with these bytes, and closes the
    /// connection. Returns the head of the request.
    pub(crate) async fn respond_raw(&self, response: &str) -> String {
        let (mut connection, _) = self.raw_upstream.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match connection.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        connection.write_all(response.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Stops the gateway.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Got {
    pub(crate) async fn of(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            trailers: body.trailers().cloned().unwrap_or_default(),
            body: body.to_bytes(),
        }
    }

    /// The value of a field, or an empty string.
    pub(crate) fn field(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
