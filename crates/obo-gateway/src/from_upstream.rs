use axum::body::Body;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response as HttpResponse, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;

use super::caller_headers::CallerHeaders;
use super::end_to_end::end_to_end;
use super::refusal::Refusal;

const GRPC_STATUS: &str = "grpc-status";
const DPOP_NONCE: &str = "dpop-nonce";

/// Turns an upstream's response into one for the caller.
///
/// A rejection of the token is about the exchanged one, which the caller does not have and cannot
/// replace.
pub(super) fn from_upstream(
    response: HttpResponse<Body>,
    claims: &CallerHeaders,
) -> Result<Response, Refusal> {
    let (parts, body) = response.into_parts();
    let (status, mut headers) = (parts.status, parts.headers);
    if status == StatusCode::UNAUTHORIZED || is_unauthenticated(&headers) {
        return Err(Refusal::TokenRejected);
    }
    // The request did not ask for another protocol, and has no proxy that could authenticate it.
    if status.is_informational() || status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(Refusal::Unusable(status));
    }
    end_to_end(&mut headers);
    headers.remove(header::WWW_AUTHENTICATE);
    // It is for proofs of this gateway.
    headers.remove(DPOP_NONCE);
    claims.of_response(&mut headers);
    // An upstream may send the length twice; the caller gets it once.
    if let Some(length) = headers.remove(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    // The body has no known length: for HEAD and 304 it is empty, unlike `Content-Length`.
    let body = body.map_frame(|frame: Frame<_>| match frame.into_trailers() {
        Ok(trailers) => Frame::trailers(for_caller(trailers)),
        Err(frame) => frame,
    });
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn is_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get(GRPC_STATUS).is_some_and(|code| code == "16")
}

/// Turns an upstream's trailers, which have the status of gRPC, into those for the caller.
fn for_caller(mut trailers: HeaderMap) -> HeaderMap {
    end_to_end(&mut trailers);
    trailers.remove(header::WWW_AUTHENTICATE);
    trailers.remove(DPOP_NONCE);
    if is_unauthenticated(&trailers) {
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("13"));
        trailers.insert("grpc-message", HeaderValue::from_static("internal error"));
        trailers.remove("grpc-status-details-bin");
    }
    trailers
}
