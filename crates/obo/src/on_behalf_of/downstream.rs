//! What the called service's answer says of the token it was sent.

use http::{HeaderMap, Response, StatusCode};

/// Whether another token may do better; a lack of rights (403, `PERMISSION_DENIED`) is not the token's.
pub(super) fn rejects_token<R>(response: &Response<R>) -> bool {
    response.status() == StatusCode::UNAUTHORIZED || is_unauthenticated(response.headers())
}

/// A gRPC response without messages has its status in the headers.
fn is_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|code| code == "16")
}
