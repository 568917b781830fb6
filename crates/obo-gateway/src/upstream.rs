mod connector;
mod failure;
mod tls;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::uri::Scheme;
use http::{Request, Response};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use obo::ConfigError;
use obo::authorization_server::TlsIdentity;
use obo::error::BoxError;
use obo::trace::PropagateLayer;
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, Service, ServiceExt as _};

use self::failure::Failure;
use super::deadline::Deadline;
use super::protocol::needs_http2;
use super::refusal::Refusal;
use super::request_body::{RequestBody, RequestProgress, next_piece};
use super::response_body::ResponseBody;
use super::timeouts::Timeouts;

type HttpClient = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How often an HTTP/2 connection is pinged, and how long the peer may take to reply. A dead one is
/// closed after 20 s.
const PING: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(10);

/// Calls an upstream: HTTP/2 for gRPC, HTTP/1.1 otherwise.
#[derive(Clone)]
pub(super) struct Upstream {
    http1: Clients,
    http2: Clients,
    timeouts: Timeouts,
}

/// The clients for one HTTP version.
#[derive(Clone)]
struct Clients {
    pooled: HttpClient,
    /// Opens a new connection for each request.
    fresh: HttpClient,
}

impl Upstream {
    /// With `own`, connections present the certificate of this gateway.
    pub(super) fn new(
        scheme: &Scheme,
        own: Option<&TlsIdentity>,
        timeouts: Timeouts,
    ) -> Result<Self, ConfigError> {
        let tcp = connector::tcp();
        let (http1, http2) = if *scheme == Scheme::HTTPS {
            let config = tls::config(own)?;
            let tls = || {
                let tls = HttpsConnectorBuilder::new().with_tls_config(config.clone());
                tls.https_only()
            };
            let http1 = tls().enable_http1().wrap_connector(tcp.clone());
            let http2 = tls().enable_http2().wrap_connector(tcp);
            (
                clients(connector::marked(http1), false),
                clients(connector::marked(http2), true),
            )
        } else {
            let tcp = connector::marked(tcp);
            (clients(tcp.clone(), false), clients(tcp, true))
        };
        Ok(Self {
            http1,
            http2,
            timeouts,
        })
    }

    /// Sends a request, and retries once if the first attempt had no effect.
    async fn send(self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let is_grpc = needs_http2(request.method(), request.headers());
        let clients = if is_grpc { &self.http2 } else { &self.http1 };
        let (parts, body) = request.into_parts();
        let deadline = parts.extensions.get::<Deadline>().copied();
        let (body, progress) = RequestBody::new(body, self.timeouts.of_request(is_grpc));
        let first = Request::from_parts(parts.clone(), Body::new(body));
        let outcome = match self
            .attempt(&clients.pooled, first, &progress, deadline)
            .await
        {
            Err(Failed {
                refusal,
                is_lost: true,
            }) => match progress.again() {
                Some((body, progress)) => {
                    tracing::debug!("a request is retried: {refusal}");
                    let second = Request::from_parts(parts, Body::new(body));
                    self.attempt(&clients.fresh, second, &progress, deadline)
                        .await
                }
                None => return Err(refusal),
            },
            outcome => outcome,
        };
        let response = outcome.map_err(|failed| failed.refusal)?;
        connector::mark_used(response.extensions());
        let pace = self.timeouts.of_response(&response);
        let deadline = deadline.map(|Deadline(deadline)| deadline);
        Ok(response.map(|body| Body::new(ResponseBody::new(body, pace, deadline, is_grpc))))
    }

    /// Sends a request and waits for the head of the response, as long as the request's body moves.
    async fn attempt(
        &self,
        client: &HttpClient,
        mut request: Request<Body>,
        progress: &RequestProgress,
        deadline: Option<Deadline>,
    ) -> Result<Response<Body>, Failed> {
        if let Some(deadline) = deadline {
            deadline.put(request.headers_mut());
        }
        let method = request.method().clone();
        let connection = capture_connection(&mut request);
        let mut progress = progress.clone();
        let mut response = std::pin::pin!(client.clone().oneshot(request));
        loop {
            tokio::select! {
                response = &mut response => {
                    if response.is_ok() {
                        progress.response_begins();
                    }
                    return response.map_err(|error| {
                        let was_used = connector::was_used(&connection);
                        let failure = Failure::of(&*error);
                        Failed {
                            is_lost: progress.is_good() && failure.allows_another(&method, was_used),
                            refusal: progress.blame(error),
                        }
                    });
                }
                () = next_piece(&mut progress) => {}
                () = tokio::time::sleep(self.timeouts.silence) => {
                    return Err(Failed { is_lost: false, refusal: progress.blame_for_silence() });
                }
            }
        }
    }
}

/// A failed attempt.
struct Failed {
    refusal: Refusal,
    /// The request had no effect, or is idempotent, so it can be retried.
    is_lost: bool,
}

fn clients(connector: impl Connect + Clone + Send + Sync + 'static, is_http2: bool) -> Clients {
    let client = |idle| {
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(idle)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PONG)
            .http2_keep_alive_while_idle(true)
            .http2_only(is_http2)
            .build(connector.clone());
        let client = client.map_response(|response: Response<_>| response.map(Body::new));
        BoxCloneSyncService::new(PropagateLayer::new().layer(client.map_err(Into::into)))
    };
    Clients {
        pooled: client(usize::MAX),
        fresh: client(0),
    }
}

impl Service<Request<Body>> for Upstream {
    type Response = Response<Body>;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

#[cfg(test)]
mod tests;
