//! What the response of the called service says about the token.

use http::{HeaderMap, Response, StatusCode};
use obo_core::challenge::{Challenge, ReceivedChallenge};

/// Why the called service does not accept the token.
pub(super) enum Refusal {
    /// It rejects the token; another one may be accepted.
    Token,
    /// It wants more of the user, so no other token for the same caller helps: a challenge for our
    /// own caller.
    StepUp(Challenge),
}

/// Reads a response's status and challenges. A lack of rights (403, `PERMISSION_DENIED`) is not
/// about the token.
pub(super) fn refusal<R>(response: &Response<R>) -> Option<Refusal> {
    let headers = response.headers();
    if response.status() != StatusCode::UNAUTHORIZED && !is_unauthenticated(headers) {
        return None;
    }
    let challenges = ReceivedChallenge::all(headers);
    let needed = challenges.iter().find_map(ReceivedChallenge::step_up);
    Some(needed.map_or(Refusal::Token, Refusal::StepUp))
}

/// Reads the status of a gRPC response, from its trailers, or from the headers if it has no
/// messages.
pub(super) fn is_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|code| code == "16")
}
