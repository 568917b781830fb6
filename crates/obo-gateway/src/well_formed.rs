use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONNECTION, HOST, HeaderName, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Version};

use super::protocol::Protocol;
use super::refusal::Refusal;

/// Rejects what no route can serve: CONNECT, which opens a tunnel (RFC 9110 section 9.3.6), a
/// switch to another protocol (section 7.8), and an HTTP/1.1 request without exactly one valid
/// `Host` (RFC 9112 section 3.2).
pub(super) async fn well_formed(protocol: Protocol, request: Request, next: Next) -> Response {
    if request.method() == Method::CONNECT {
        return Refusal::Method.response(&protocol);
    }
    if request.version() == Version::HTTP_11 && !names_one_host(&request) {
        return Refusal::Host.response(&protocol);
    }
    if request.version() == Version::HTTP_11 && requires_another_protocol(request.headers()) {
        return Refusal::Upgrade.response(&protocol);
    }
    next.run(request).await
}

/// Whether a client requires another protocol. Clients offer `h2c` and continue without it.
fn requires_another_protocol(headers: &HeaderMap) -> bool {
    let options = values(headers, CONNECTION);
    let is_option = options
        .iter()
        .any(|option| option.eq_ignore_ascii_case("upgrade"));
    let protocols = values(headers, UPGRADE);
    is_option
        && protocols
            .iter()
            .any(|protocol| !protocol.eq_ignore_ascii_case("h2c"))
}

/// Returns the values of a list field.
pub(super) fn values(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    let lines = headers.get_all(name).into_iter();
    let lines = lines.map(|line| line.to_str().unwrap_or("unreadable"));
    let values = lines.flat_map(|line| line.split(',')).map(str::trim);
    values.filter(|value| !value.is_empty()).collect()
}

fn names_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host),
        _ => false,
    }
}

/// Whether a value is a host with an optional port. It is empty if the target has no authority.
fn is_host(host: &HeaderValue) -> bool {
    let host = host.as_bytes();
    host.is_empty() || !host.contains(&b'@') && Authority::try_from(host).is_ok()
}
