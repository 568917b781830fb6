use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, header};
use obo::{Audience, Caller, ConfigError, Destination, Rejection};

use super::protocol::Protocol;
use super::proxy::Proxy;
use super::refusal::Refusal;

/// Marks a response that clients without a token may see.
#[derive(Clone, Copy, Debug)]
struct Public;

/// Makes a response of a request that requires no token.
pub(super) fn public_response(
    response: Result<Response, Refusal>,
    protocol: &Protocol,
) -> Response {
    let mut response = response.unwrap_or_else(|refusal| refusal.response(protocol));
    response.extensions_mut().insert(Public);
    response
}

/// Forwards CORS preflights to the upstream. Browsers send them without a token (Fetch,
/// "CORS-preflight fetch").
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
        true => public_response(proxy.send_open(request).await, &protocol),
        false => next.run(request).await,
    }
}

/// Replaces the response of a request without a token, unless it is [`Public`]. So it does not show
/// which routes exist.
pub(super) async fn hide_routes(protocol: Protocol, request: Request, next: Next) -> Response {
    let is_known = request.extensions().get::<Caller>().is_some();
    let mut response = next.run(request).await;
    if response.extensions_mut().remove::<Public>().is_some() || is_known {
        return response;
    }
    let refusal = Rejection::MissingCredentials.response();
    refusal.to_response(&protocol.method, &protocol.headers)
}

/// Rejects an upstream that a token could not be sent to either.
pub(super) fn check_public(upstream: &str, danger_plaintext: bool) -> Result<(), ConfigError> {
    let target = Audience::new("public")?;
    let checked = match danger_plaintext {
        true => Destination::danger_plaintext(upstream, target),
        false => Destination::new(upstream, target),
    };
    checked.map(drop).map_err(|error| error.at("upstream"))
}
