//! What the called service's response says of the token it was sent.

use http::{HeaderMap, Response, StatusCode};
use obo_core::challenge::{Challenge, ReceivedChallenge};

/// The called service does not take the token.
pub(super) enum Refusal {
    /// It rejects the token: another one may do.
    Token,
    /// It wants more of the user, which no other token for the same caller has (SU-08): a challenge for our own caller.
    StepUp(Challenge),
}

/// Reads a response's status and challenges; a lack of rights (403, `PERMISSION_DENIED`) is not the token's.
pub(super) fn refusal<R>(response: &Response<R>) -> Option<Refusal> {
    let headers = response.headers();
    if response.status() != StatusCode::UNAUTHORIZED && !is_unauthenticated(headers) {
        return None;
    }
    let challenges = ReceivedChallenge::all(headers);
    let needed = challenges.iter().find_map(ReceivedChallenge::step_up);
    Some(needed.map_or(Refusal::Token, Refusal::StepUp))
}

/// The status of a gRPC response, in its trailers, or in the headers if there are no messages.
pub(super) fn is_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|code| code == "16")
}
