use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::uri::Scheme;
use http::{Request, Response};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use obo::{BoxError, ConfigError};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

use super::protocol::needs_http2;
use super::refusal::Refusal;
use super::route_config::Timeout;
use super::sending::{Sending, moving};

type HttpClient = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);

/// Calls an upstream: by HTTP/2 for gRPC, by HTTP/1.1 for all else.
#[derive(Clone)]
pub(super) struct Upstream {
    http1: HttpClient,
    http2: HttpClient,
    timeout: Duration,
}

impl Upstream {
    pub(super) fn new(scheme: &Scheme, timeout: Option<Timeout>) -> Result<Self, ConfigError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let (http1, http2) = if *scheme == Scheme::HTTPS {
            let tls = || {
                let tls = HttpsConnectorBuilder::new().with_native_roots();
                tls.map(HttpsConnectorBuilder::https_only).map_err(no_roots)
            };
            let http1 = tls()?.enable_http1().wrap_connector(tcp.clone());
            let http2 = tls()?.enable_http2().wrap_connector(tcp);
            (client(http1, false), client(http2, true))
        } else {
            (client(tcp.clone(), false), client(tcp, true))
        };
        Ok(Self {
            http1,
            http2,
            timeout: timeout.map_or(TIMEOUT, |Timeout(timeout)| timeout),
        })
    }

    /// The head of the response; it is waited for as long as the body of the request moves.
    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let client = match needs_http2(request.method(), request.headers()) {
            true => self.http2,
            false => self.http1,
        };
        let (parts, body) = request.into_parts();
        let (body, mut sent) = Sending::new(body);
        let answer = client.oneshot(Request::from_parts(parts, Body::new(body)));
        let mut answer = std::pin::pin!(answer);
        loop {
            tokio::select! {
                answer = &mut answer => return answer.map_err(|error| sent.blame(error)),
                () = moving(&mut sent) => {}
                () = tokio::time::sleep(self.timeout) => return Err(sent.blame_for_silence()),
            }
        }
    }
}

fn client<C>(connector: C, is_http2: bool) -> HttpClient
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_only(is_http2)
        .build(connector);
    let client = client.map_response(|response: Response<_>| response.map(Body::new));
    BoxCloneSyncService::new(client.map_err(Into::into))
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
