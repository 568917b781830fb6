//! The same layers around the same service, in three kinds of server.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use obo::binding::PeerAddress;
use obo::{BearerAuthLayer, Caller, Rejection, RequireLayer};
use tokio::net::TcpListener;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tower::util::MapRequestLayer;
use tower::{Service, ServiceBuilder, ServiceExt as _};

use crate::expected::Got;

/// A method of the service.
pub const CALL: &str = "/test.Probe/Call";
/// A method that reads claims which the policy does not read.
pub const MISREAD: &str = "/test.Probe/Misread";

/// The callers and the headers of the requests that reached the service.
type Callers = Arc<Mutex<Vec<(Option<Caller>, HeaderMap)>>>;

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
        let seen = (caller.cloned(), request.headers().clone());
        self.0.lock().unwrap().push(seen);
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
            .layer(MapRequestLayer::new(with_peer))
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
    pub async fn send(&self, kind: Kind, request: Request<Full<Bytes>>) -> Got {
        self.send_for_reason(kind, request).await.0
    }

    /// Sends a request, and returns also the code of the rejection, if there is no socket between.
    pub async fn send_for_reason(
        &self,
        kind: Kind,
        mut request: Request<Full<Bytes>>,
    ) -> (Got, Option<&'static str>) {
        let local = PeerAddress(IpAddr::from([127, 0, 0, 1]));
        request.extensions_mut().insert(local);
        let layers = ServiceBuilder::new()
            .layer(&self.bearer)
            .layer(&self.require);
        let (got, reason) = match kind {
            Kind::Plain => {
                let service = layers.service(self.probe::<Full<Bytes>>());
                seen(service.oneshot(request).await.unwrap()).await
            }
            Kind::Axum => {
                let routes = Router::new().fallback_service(self.probe::<axum::body::Body>());
                let router = routes.layer(
                    ServiceBuilder::new()
                        .layer(self.bearer.clone())
                        .layer(self.require.clone()),
                );
                let request = request.map(axum::body::Body::new);
                seen(router.oneshot(request).await.unwrap()).await
            }
            Kind::Tonic => {
                let uri = format!("http://{}{}", self.tonic, request.uri());
                *request.uri_mut() = uri.parse().unwrap();
                seen(self.client.request(request).await.unwrap()).await
            }
        };
        let reached = self.callers.lock().unwrap().len();
        (Got { reached, ..got }, reason)
    }

    /// Takes the callers that have reached the service since the last call.
    pub fn take_callers(&self) -> Vec<Option<Caller>> {
        let reached = self.take_reached().into_iter();
        reached.map(|(caller, _)| caller).collect()
    }

    /// Takes the callers and the headers that have reached the service since the last call.
    pub fn take_reached(&self) -> Vec<(Option<Caller>, HeaderMap)> {
        std::mem::take(&mut self.callers.lock().unwrap())
    }
}

/// Shows the layers the address of a connection.
fn with_peer<B>(mut request: Request<B>) -> Request<B> {
    let connection = request.extensions().get::<TcpConnectInfo>();
    if let Some(peer) = connection.and_then(TcpConnectInfo::remote_addr) {
        request.extensions_mut().insert(PeerAddress(peer.ip()));
    }
    request
}

/// The whole response, and the code of its rejection.
async fn seen<B>(response: Response<B>) -> (Got, Option<&'static str>)
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let rejection = response.extensions().get::<Rejection>();
    let reason = rejection.map(Rejection::code);
    (got(response).await, reason)
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
