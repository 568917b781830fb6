use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, header};
use obo::{Audience, Caller, ConfigError, Destination, Rejection};

use super::protocol::Protocol;
use super::proxy::Proxy;
use super::refusal::Refusal;

/// A response that is for callers without a token too.
#[derive(Clone, Copy, Debug)]
struct Open;

/// The response of a route to a request that needs no token.
pub(super) fn opened(answer: Result<Response, Refusal>, protocol: &Protocol) -> Response {
    let mut response = answer.unwrap_or_else(|refusal| refusal.response(protocol));
    response.extensions_mut().insert(Open);
    response
}

/// Lets an upstream answer CORS preflights, which browsers send without a token (Fetch, section "CORS-preflight fetch").
pub(super) async fn preflight_first(
    State(proxy): State<Arc<Proxy>>,
    protocol: Protocol,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    match is_preflight && request.extensions().get::<Caller>().is_none() {
        true => opened(proxy.send_open(request).await, &protocol),
        false => next.run(request).await,
    }
}

/// Keeps to itself, from requests without a token, what is not open: also which routes there are.
pub(super) async fn closed(protocol: Protocol, request: Request, next: Next) -> Response {
    let is_known = request.extensions().get::<Caller>().is_some();
    let mut response = next.run(request).await;
    if response.extensions_mut().remove::<Open>().is_some() || is_known {
        return response;
    }
    let answer = Rejection::MissingCredentials.response();
    answer.to_response(&protocol.method, &protocol.headers)
}

/// Refuses an upstream that no token may be sent to either.
pub(super) fn check_public(upstream: &str, danger_plaintext: bool) -> Result<(), ConfigError> {
    let target = Audience::new("public")?;
    let checked = match danger_plaintext {
        true => Destination::danger_plaintext(upstream, target),
        false => Destination::new(upstream, target),
    };
    checked.map(drop).map_err(|error| error.at("upstream"))
}
