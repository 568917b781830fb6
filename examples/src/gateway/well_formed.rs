use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Method, Version};

use super::protocol::Protocol;
use super::refusal::Refusal;

/// Refuses, before anything else is looked at, what no route answers: CONNECT, whose answer opens a tunnel (RFC 9110 section
/// 9.3.6), and an HTTP/1.1 request that does not say once which host it is for (RFC 9112 section 3.2).
pub(super) async fn well_formed(protocol: Protocol, request: Request, next: Next) -> Response {
    if request.method() == Method::CONNECT {
        return Refusal::Method.response(&protocol);
    }
    if request.version() == Version::HTTP_11 && !names_one_host(&request) {
        return Refusal::Host.response(&protocol);
    }
    next.run(request).await
}

fn names_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host),
        _ => false,
    }
}

/// A host and perhaps a port; empty where the target has no authority.
fn is_host(host: &HeaderValue) -> bool {
    let host = host.as_bytes();
    host.is_empty() || !host.contains(&b'@') && Authority::try_from(host).is_ok()
}
