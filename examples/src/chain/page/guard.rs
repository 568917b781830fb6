//! Which requests the page accepts: those of a browser on this machine that shows this page.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use obo_audit::page::live;

/// The names of the page, and the headers of its responses.
pub(super) struct Guard {
    hosts: [String; 2],
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Guard {
    pub(super) fn new(address: SocketAddr) -> Self {
        let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            hash(live::style()),
            hash(live::script())
        );
        let fixed = HeaderValue::from_static;
        let policy = HeaderValue::try_from(policy).unwrap_or(fixed("default-src 'none'"));
        let port = address.port();
        Self {
            hosts: [
                format!("{}:{port}", address.ip()),
                format!("localhost:{port}"),
            ],
            headers: vec![
                (header::CONTENT_SECURITY_POLICY, policy),
                (header::CACHE_CONTROL, fixed("no-store")),
                (header::REFERRER_POLICY, fixed("same-origin")),
                (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
                (
                    HeaderName::from_static("cross-origin-resource-policy"),
                    fixed("same-origin"),
                ),
            ],
        }
    }

    /// Whether the request is addressed to this page. The name of another site that resolves to
    /// loopback is not.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().filter(|_| hosts.next().is_none());
        host.is_some_and(|host| self.hosts.iter().any(|ours| host == ours.as_str()))
    }

    /// Whether the request comes from this page, and not from another site.
    fn is_from_us(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site");
        let origin = headers.get(header::ORIGIN);
        let is_our_origin = |origin: &HeaderValue| {
            let host = origin.to_str().ok()?.strip_prefix("http://")?;
            Some(self.hosts.iter().any(|ours| host == ours.as_str()))
        };
        (site.is_some() || origin.is_some())
            && site.is_none_or(|site| site == "same-origin")
            && origin.is_none_or(|origin| is_our_origin(origin) == Some(true))
    }
}

pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let (method, headers) = (request.method(), request.headers());
    let mut response = if !guard.is_ours(headers) {
        let text = "the page is only served to this machine, by its own address";
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    } else if method != Method::GET && !guard.is_from_us(headers) {
        let text = "only the page itself may send this: a request needs its `Origin`";
        (StatusCode::FORBIDDEN, text).into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().extend(guard.headers.iter().cloned());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let all = all.iter();
        let all = all.map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        all.collect()
    }

    fn guard() -> Guard {
        Guard::new(SocketAddr::from(([127, 0, 0, 1], 8000)))
    }

    #[test]
    fn other_hosts_are_refused() {
        for (host, is_ours) in [
            ("127.0.0.1:8000", true),
            ("localhost:8000", true),
            ("127.0.0.1:8001", false),
            ("127.0.0.1", false),
            ("rebound.example:8000", false),
            ("localhost.rebound.example:8000", false),
        ] {
            assert_eq!(
                guard().is_ours(&headers(&[("host", host)])),
                is_ours,
                "{host}"
            );
        }
        assert!(!guard().is_ours(&HeaderMap::new()));
    }

    #[test]
    fn other_sites_are_refused() {
        let ours = ("origin", "http://127.0.0.1:8000");
        let theirs = ("origin", "http://127.0.0.1:9000");
        let (same, cross) = (
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        );
        for (sent, is_from_us) in [
            (&[][..], false),
            (&[ours], true),
            (&[same], true),
            (&[ours, same], true),
            (&[theirs], false),
            (&[cross], false),
            (&[ours, cross], false),
            (&[theirs, same], false),
            (&[("origin", "null")], false),
            (&[("origin", "https://127.0.0.1:8000")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(guard().is_from_us(&headers(sent)), is_from_us, "{sent:?}");
        }
    }
}
