//! What the called service's answer says of the token it was sent.

use http::{HeaderMap, Response, StatusCode};
use obo_core::challenge::{BearerError, ReceivedChallenge};
use obo_core::{ErrorClass, TokenEndpointError};

/// The called service does not take the token.
pub(super) enum Refusal {
    /// It rejects the token: another one may do.
    Token,
    /// It wants more of the user, which no other token for the same caller has (SU-08).
    StepUp(TokenEndpointError),
}

/// Reads a response's status and challenges; a lack of rights (403, `PERMISSION_DENIED`) is not the token's.
pub(super) fn refusal<R>(response: &Response<R>) -> Option<Refusal> {
    let headers = response.headers();
    if response.status() != StatusCode::UNAUTHORIZED && !is_unauthenticated(headers) {
        return None;
    }
    let challenges = ReceivedChallenge::all(headers);
    let needed = challenges.iter().find_map(step_up);
    Some(needed.map_or(Refusal::Token, Refusal::StepUp))
}

/// The status of a gRPC response, in its trailers, or in the headers if there are no messages.
pub(super) fn is_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|code| code == "16")
}

/// What the user has to do, as an error that is told to our own caller in a challenge of our own (SU-06, SU-07).
fn step_up(challenge: &ReceivedChallenge) -> Option<TokenEndpointError> {
    let problem = "the called service wants the user to authenticate again or more strongly";
    let error = TokenEndpointError::new(ErrorClass::StepUp, problem);
    match challenge.error()? {
        BearerError::InsufficientUserAuthentication => {
            let acr_values = challenge.acr_values().join(" ");
            Some(error.with_step_up(Some(&acr_values), challenge.max_age()))
        }
        BearerError::InsufficientClaims => {
            let claims = challenge.claims()?;
            Some(error.with_claims(Some(claims.clone())))
        }
        _ => None,
    }
}
