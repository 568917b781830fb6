//! What the response of the called service says about the token.

use http::{HeaderMap, Response, StatusCode};
use obo_core::TokenScheme;
use obo_core::challenge::{BearerError, Challenge, ReceivedChallenge};

/// Why the called service does not accept the request.
pub(super) enum Refusal {
    /// It rejects the token; another one may be accepted.
    Token,
    /// It rejects the proof, so no other token helps.
    Proof,
    /// The proof must repeat a nonce (RFC 9449 section 9).
    Nonce,
    /// It wants more of the user, so no other token for the same caller helps: a challenge for our
    /// own caller.
    StepUp(Challenge),
}

/// Reads a response's status and challenges. A lack of rights (403, `PERMISSION_DENIED`) is not
/// about the token.
///
/// Only a request with a proof is refused for it: `is_bound`.
pub(super) fn refusal<R>(response: &Response<R>, is_bound: bool) -> Option<Refusal> {
    let headers = response.headers();
    let is_refused = response.status() == StatusCode::UNAUTHORIZED || is_unauthenticated(headers);
    is_refused.then(|| refusal_in(headers, is_bound))
}

/// Reads the challenges of a refusal, from its headers or from its trailers.
pub(super) fn refusal_in(headers: &HeaderMap, is_bound: bool) -> Refusal {
    let mut challenges = ReceivedChallenge::all(headers);
    if is_bound {
        challenges.extend(ReceivedChallenge::all_of(TokenScheme::Dpop, headers));
        let has = |error| challenges.iter().any(|it| it.error() == Some(error));
        if has(BearerError::UseDpopNonce) {
            return Refusal::Nonce;
        }
        if has(BearerError::InvalidDpopProof) {
            return Refusal::Proof;
        }
    }
    let needed = challenges.iter().find_map(ReceivedChallenge::step_up);
    needed.map_or(Refusal::Token, Refusal::StepUp)
}

/// Reads the status of a gRPC response, from its trailers, or from the headers if it has no
/// messages.
pub(super) fn is_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|code| code == "16")
}
