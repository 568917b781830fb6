use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use http::uri::Scheme;
use obo::authorization_server::TlsIdentity;
use obo::on_behalf_of::OnBehalfOfLayer;
use obo::on_behalf_of::Replay;
use obo::path::PathPattern;
use obo::{Caller, ConfigError, OnBehalfOf};
use tower::{Layer as _, ServiceExt as _};

use super::caller_headers::CallerHeaders;
use super::from_upstream::from_upstream;
use super::refusal::Refusal;
use super::timeouts::Timeouts;
use super::to_upstream::to_upstream;
use super::upstream::Upstream;
use super::upstream_url::UpstreamUrl;

/// How much of a request is kept for a retry, if the upstream rejects its token.
const REPLAYED: usize = 64 * 1024;

/// The settings that all routes share.
#[derive(Clone, Debug)]
pub(super) struct ProxySettings {
    pub(super) claims: CallerHeaders,
    /// The slowest transfer, in bytes per second.
    pub(super) slowest: u32,
}

/// Forwards the requests of one route to its upstream.
pub(super) struct Proxy {
    url: UpstreamUrl,
    claims: CallerHeaders,
    upstream: Upstream,
    /// `None` for a public route, whose requests have no token.
    calls: Option<OnBehalfOf<Upstream, Replay<Body>>>,
}

impl Proxy {
    pub(super) fn new(
        path: PathPattern,
        upstream: &str,
        layer: Option<OnBehalfOfLayer>,
        own: Option<&TlsIdentity>,
        settings: &ProxySettings,
        timeouts: Timeouts,
    ) -> Result<Self, ConfigError> {
        let url = UpstreamUrl::new(path, upstream)?;
        let scheme = url.base.scheme().unwrap_or(&Scheme::HTTPS);
        let upstream = Upstream::new(scheme, own, timeouts)?;
        let replay = Replay::recorded(REPLAYED, Body::new);
        Ok(Self {
            url,
            claims: settings.claims.clone(),
            calls: layer.map(|layer| layer.replay(replay).layer(upstream.clone())),
            upstream,
        })
    }

    /// Sends a request on behalf of its caller.
    pub(super) async fn send(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<Response, Refusal> {
        let Some(calls) = &self.calls else {
            return self.send_open(request).await;
        };
        let request = self.request(request)?;
        let response = calls.on_behalf_of(caller).oneshot(request).await;
        let response = response.map(|response| response.map(Body::new));
        self.respond(response.map_err(Refusal::of))
    }

    /// Sends a request without a token.
    pub(super) async fn send_open(&self, request: Request) -> Result<Response, Refusal> {
        let request = self.request(request)?;
        self.respond(self.upstream.clone().oneshot(request).await)
    }

    /// Makes the request that the gateway sends.
    fn request(&self, request: Request) -> Result<Request, Refusal> {
        // A response to TRACE has the request with its token (RFC 9110 section 9.3.8).
        if request.method() == Method::TRACE {
            return Err(Refusal::Method);
        }
        let uri = self.url.of(request.uri()).ok_or(Refusal::AmbiguousPath)?;
        Ok(to_upstream(uri, request, &self.claims))
    }

    fn respond(&self, response: Result<Response, Refusal>) -> Result<Response, Refusal> {
        let outcome = response.and_then(|response| from_upstream(response, &self.claims));
        if let Err(refusal) = &outcome {
            tracing::warn!(upstream = %self.url.base, "request failed: {refusal}");
        }
        outcome
    }
}
