//! The same layers around the same service, in three kinds of server.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use obo::{BearerAuthLayer, Caller, Rejection, RequireLayer};
use tokio::net::TcpListener;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::{Service, ServiceBuilder, ServiceExt as _};

use crate::expected::Got;

/// A method of the service.
pub const CALL: &str = "/test.Probe/Call";
/// A method that reads claims which the policy does not read.
pub const MISREAD: &str = "/test.Probe/Misread";

/// The callers of the requests that reached the service.
type Callers = Arc<Mutex<Vec<Option<Caller>>>>;

/// Records its callers and responds with an empty body.
struct Probe<R>(Callers, PhantomData<fn() -> R>);

impl<R> Clone for Probe<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<R> NamedService for Probe<R> {
    const NAME: &'static str = "test.Probe";
}

impl<B, R: Default> Service<Request<B>> for Probe<R> {
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Ready<Result<Response<R>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = request.extensions().get::<Caller>();
        let reads = caller.is_some_and(|caller| caller.with_claims::<String>().is_some());
        if request.uri().path() == MISREAD && !reads {
            let refusal = Rejection::Misconfigured("no such claims").response();
            return ready(Ok(refusal.to_response(request.method(), request.headers())));
        }
        self.0.lock().unwrap().push(caller.cloned());
        ready(Ok(Response::new(R::default())))
    }
}

/// The same service under the name of the gRPC health service.
#[derive(Clone)]
struct Health<S>(S);

impl<S> NamedService for Health<S> {
    const NAME: &'static str = "grpc.health.v1.Health";
}

impl<S: Service<B>, B> Service<B> for Health<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: B) -> Self::Future {
        self.0.call(request)
    }
}

/// A server around the layers.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// No server: the test calls the layers.
    Plain,
    /// An axum router, called without a socket.
    Axum,
    /// Tonic's server, over a socket.
    Tonic,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Axum, Self::Tonic];
}

/// The service in every kind of server.
#[allow(missing_debug_implementations, reason = "no test prints it")]
pub struct Servers {
    bearer: BearerAuthLayer,
    require: RequireLayer,
    callers: Callers,
    tonic: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Servers {
    /// Wraps the service in these layers, the first one outermost.
    pub async fn start(bearer: BearerAuthLayer, require: RequireLayer) -> Self {
        let callers = Callers::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tonic = listener.local_addr().unwrap();
        let probe = Probe::<tonic::body::Body>(Arc::clone(&callers), PhantomData);
        let server = Server::builder()
            // So that the layer refuses a huge token, not the transport.
            .http2_max_header_list_size(64 * 1024)
            .layer(bearer.clone())
            .layer(require.clone())
            .add_service(probe.clone())
            .add_service(Health(probe));
        // Without it, each response waits for the acknowledgement of the previous one.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        tokio::spawn(server.serve_with_incoming(incoming));
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            bearer,
            require,
            callers,
            tonic,
            client: Client::builder(TokioExecutor::new())
                .http2_only(true)
                .build(connector),
        }
    }

    fn probe<R>(&self) -> Probe<R> {
        Probe(Arc::clone(&self.callers), PhantomData)
    }

    /// Sends a request, whose URI is a path and a query, to one of the servers.
    pub async fn send(&self, kind: Kind, mut request: Request<Full<Bytes>>) -> Got {
        let layers = ServiceBuilder::new()
            .layer(&self.bearer)
            .layer(&self.require);
        let response = match kind {
            Kind::Plain => {
                let service = layers.service(self.probe::<Full<Bytes>>());
                got(service.oneshot(request).await.unwrap()).await
            }
            Kind::Axum => {
                let routes = Router::new().fallback_service(self.probe::<axum::body::Body>());
                let router = routes.layer(
                    ServiceBuilder::new()
                        .layer(self.bearer.clone())
                        .layer(self.require.clone()),
                );
                let request = request.map(axum::body::Body::new);
                got(router.oneshot(request).await.unwrap()).await
            }
            Kind::Tonic => {
                let uri = format!("http://{}{}", self.tonic, request.uri());
                *request.uri_mut() = uri.parse().unwrap();
                got(self.client.request(request).await.unwrap()).await
            }
        };
        Got {
            reached: self.callers.lock().unwrap().len(),
            ..response
        }
    }

    /// Takes the callers that have reached the service since the last call.
    pub fn take_callers(&self) -> Vec<Option<Caller>> {
        std::mem::take(&mut self.callers.lock().unwrap())
    }
}

/// The whole response.
pub async fn got<B>(response: Response<B>) -> Got
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let (parts, body) = response.into_parts();
    let rest = body.collect().await.unwrap();
    let trailers = rest.trailers().is_some();
    Got {
        status: parts.status.as_u16(),
        headers: lines(parts.headers),
        rest: (rest.to_bytes().len(), trailers),
        reached: 0,
    }
}

/// The headers without those of the transport. Fails if one is repeated.
fn lines(mut headers: HeaderMap) -> BTreeSet<String> {
    headers.remove(header::DATE);
    headers.remove(header::CONTENT_LENGTH);
    let lines = headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap();
        format!("{name}: {value}")
    });
    let all: Vec<String> = lines.collect();
    let distinct = all.iter().cloned().collect();
    assert_eq!(all.len(), BTreeSet::len(&distinct), "{all:?}");
    distinct
}
