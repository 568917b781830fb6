use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use obo::on_behalf_of::Replay;
use obo::{ConfigError, OnBehalfOf, OnBehalfOfLayer, Validated};
use tower::{Layer as _, ServiceExt as _};
use url::Url;

use super::from_upstream::from_upstream;
use super::refusal::Refusal;
use super::route_config::Timeout;
use super::route_path::RoutePath;
use super::to_upstream::to_upstream;
use super::upstream::Upstream;

/// How much of a request is kept, in case that the upstream rejects its token and it is sent once more.
const REPLAYED: usize = 64 * 1024;

/// Sends the requests of one route to its upstream.
pub(super) struct Proxy {
    path: RoutePath,
    scheme: Scheme,
    authority: Authority,
    /// The path that all requests go below, without a slash at its end.
    base: String,
    calls: OnBehalfOf<Upstream, Replay<Body>>,
}

impl Proxy {
    pub(super) fn new(
        path: RoutePath,
        upstream: &str,
        layer: OnBehalfOfLayer,
        timeout: Option<Timeout>,
    ) -> Result<Self, ConfigError> {
        // In its normal form, in which the destination knows it too.
        let url = Url::parse(upstream).map(|url| url.as_str().parse::<Uri>());
        let Ok(Ok((Some(scheme), Some(authority), base))) = url.map(|url| url.map(parts)) else {
            return Err(ConfigError::new("upstream", "is no absolute URL"));
        };
        let upstream = Upstream::new(&scheme, timeout)?;
        let replay = Replay::recorded(REPLAYED, Body::new);
        Ok(Self {
            path,
            scheme,
            authority,
            base,
            calls: layer.replay(replay).layer(upstream),
        })
    }

    /// Sends a request on behalf of its caller.
    pub(super) async fn send(
        &self,
        caller: &Validated,
        request: Request,
    ) -> Result<Response, Refusal> {
        // It answers with the request, and so with the token in it (RFC 9110 section 9.3.8).
        if request.method() == Method::TRACE {
            return Err(Refusal::Method);
        }
        let uri = self.uri(request.uri()).ok_or(Refusal::AmbiguousPath)?;
        let calls = self.calls.on_behalf_of(caller);
        let response = calls.oneshot(to_upstream(uri, request)).await;
        let response = response.map_err(Refusal::of);
        let answer = response.and_then(from_upstream);
        if let Err(refusal) = &answer {
            tracing::warn!(upstream = %self.authority, "not answered: {refusal}");
        }
        answer
    }

    /// The same place below the upstream's path.
    fn uri(&self, requested: &Uri) -> Option<Uri> {
        let rest = self.path.rest(requested.path())?;
        let below = match (&*self.base, rest) {
            ("", "") => "/".to_owned(),
            (base, rest) => format!("{base}{rest}"),
        };
        let below = match requested.query() {
            Some(query) => format!("{below}?{query}"),
            None => below,
        };
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(PathAndQuery::try_from(below).ok()?);
        uri.build().ok()
    }
}

fn parts(uri: Uri) -> (Option<Scheme>, Option<Authority>, String) {
    let base = uri.path().trim_end_matches('/').to_owned();
    (uri.scheme().cloned(), uri.authority().cloned(), base)
}
