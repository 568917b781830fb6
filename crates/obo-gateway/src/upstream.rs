mod connector;
mod failure;

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
use obo::error::BoxError;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

use self::failure::Failure;
use super::deadline::Deadline;
use super::protocol::needs_http2;
use super::receiving::Receiving;
use super::refusal::Refusal;
use super::sending::{Sending, Sent, moving};
use super::timeouts::Timeouts;

type HttpClient = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// How long a connection without a request is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How often the peer of an HTTP/2 connection is asked whether it is still there, and how long it may take to say so: a dead
/// one is left after 20 s.
const PING: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(10);

/// Calls an upstream: by HTTP/2 for gRPC, by HTTP/1.1 for all else.
#[derive(Clone)]
pub(super) struct Upstream {
    http1: Clients,
    http2: Clients,
    timeouts: Timeouts,
}

/// Connections of one version of HTTP.
#[derive(Clone)]
struct Clients {
    pooled: HttpClient,
    /// A new connection for each request.
    fresh: HttpClient,
}

impl Upstream {
    pub(super) fn new(scheme: &Scheme, timeouts: Timeouts) -> Result<Self, ConfigError> {
        let tcp = connector::tcp();
        let (http1, http2) = if *scheme == Scheme::HTTPS {
            let tls = || {
                let tls = HttpsConnectorBuilder::new().with_native_roots();
                tls.map(HttpsConnectorBuilder::https_only).map_err(no_roots)
            };
            let http1 = tls()?.enable_http1().wrap_connector(tcp.clone());
            let http2 = tls()?.enable_http2().wrap_connector(tcp);
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

    /// The response to a request, which is sent once more where the first attempt did nothing.
    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let is_grpc = needs_http2(request.method(), request.headers());
        let clients = if is_grpc { &self.http2 } else { &self.http1 };
        let (parts, body) = request.into_parts();
        let deadline = parts.extensions.get::<Deadline>().copied();
        let (sending, sent) = Sending::new(body, self.timeouts.of_request(is_grpc));
        let first = Request::from_parts(parts.clone(), Body::new(sending));
        let answer = match self.attempt(&clients.pooled, first, &sent, deadline).await {
            Err(Failed { refusal, is_lost }) => match sent.again().filter(|_| is_lost) {
                Some((sending, sent)) => {
                    tracing::debug!("a request is sent once more: {refusal}");
                    let second = Request::from_parts(parts, Body::new(sending));
                    self.attempt(&clients.fresh, second, &sent, deadline).await
                }
                None => return Err(refusal),
            },
            answer => answer,
        };
        let response = answer.map_err(|failed| failed.refusal)?;
        connector::mark_used(response.extensions());
        let pace = self.timeouts.of_response(&response);
        let deadline = deadline.map(|Deadline(deadline)| deadline);
        Ok(response.map(|body| Body::new(Receiving::new(body, pace, deadline, is_grpc))))
    }

    /// The head of the response; it is waited for as long as the body of the request moves.
    async fn attempt(
        &self,
        client: &HttpClient,
        mut request: Request<Body>,
        sent: &Sent,
        deadline: Option<Deadline>,
    ) -> Result<Response<Body>, Failed> {
        if let Some(deadline) = deadline {
            deadline.put(request.headers_mut());
        }
        let method = request.method().clone();
        let connection = capture_connection(&mut request);
        let mut sent = sent.clone();
        let mut answer = std::pin::pin!(client.clone().oneshot(request));
        loop {
            tokio::select! {
                answer = &mut answer => {
                    if answer.is_ok() {
                        sent.is_answered();
                    }
                    return answer.map_err(|error| {
                        let was_used = connector::was_used(&connection);
                        let failure = Failure::of(&*error);
                        Failed {
                            is_lost: sent.is_good() && failure.allows_another(&method, was_used),
                            refusal: sent.blame(error),
                        }
                    });
                }
                () = moving(&mut sent) => {}
                () = tokio::time::sleep(self.timeouts.silence) => {
                    return Err(Failed { is_lost: false, refusal: sent.blame_for_silence() });
                }
            }
        }
    }
}

/// How an attempt failed.
struct Failed {
    refusal: Refusal,
    /// The request did nothing, or does the same when it is sent once more.
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
        BoxCloneSyncService::new(client.map_err(Into::into))
    };
    Clients {
        pooled: client(usize::MAX),
        fresh: client(0),
    }
}

fn no_roots(error: std::io::Error) -> ConfigError {
    let problem = format!(
        "is https, and this system has no root certificates to check it with; install them: {error}"
    );
    ConfigError::new("upstream", problem)
}

impl Service<Request<Body>> for Upstream {
    type Response = Response<Body>;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

#[cfg(test)]
mod tests;
