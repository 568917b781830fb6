use bytes::Bytes;
use http::{Response, StatusCode};

use crate::grant::token_endpoint::{ErrorClass, TokenEndpointError};
use crate::time::UnixTime;
use crate::wire::json;
use crate::wire::retry_after::retry_after;

/// What an answer other than 200 means: never that the token is inactive (RFC 7662 section 2.3, IN-02, IN-03).
///
/// A server that refuses to say anything of a token, be it by `unsupported_token_type`, refuses this service.
pub fn introspection_refusal(response: &Response<Bytes>, now: UnixTime) -> TokenEndpointError {
    let status = response.status();
    let (class, problem) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            ErrorClass::ClientMisconfigured,
            "the introspection endpoint does not accept this client",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            ErrorClass::Throttled,
            "the introspection endpoint asks to slow down",
        ),
        StatusCode::BAD_REQUEST => (
            ErrorClass::ClientMisconfigured,
            "the introspection endpoint refuses the request",
        ),
        status if status.is_server_error() => (
            ErrorClass::Transient,
            "the introspection endpoint has failed",
        ),
        _ => (
            ErrorClass::AnswerUnusable,
            "the introspection endpoint answered in a way that means nothing",
        ),
    };
    let error = TokenEndpointError::new(class, format!("{problem}: {status}"))
        .with_status(status)
        .with_retry_after(retry_after(response.headers(), now));
    match error_in(response.body()) {
        Some(told) => error.with_oauth(&told, None),
        None => error,
    }
}

/// What a response of status 200 without `active` means: some servers refuse so, with an `error`.
pub(super) fn without_activity(json: &[u8]) -> TokenEndpointError {
    let Some(told) = error_in(json).filter(|told| !told.is_empty()) else {
        return TokenEndpointError::unusable("the response has no `active`");
    };
    let class = match &*told {
        "invalid_client" | "unauthorized_client" | "invalid_request" | "access_denied" => {
            ErrorClass::ClientMisconfigured
        }
        "slow_down" | "too_many_requests" => ErrorClass::Throttled,
        "server_error" | "temporarily_unavailable" => ErrorClass::Transient,
        _ => ErrorClass::AnswerUnusable,
    };
    let problem = "the introspection endpoint refuses, in a response of status 200";
    TokenEndpointError::new(class, problem).with_oauth(&told, None)
}

fn error_in(json: &[u8]) -> Option<String> {
    let [error] = json::pick(json, ["error"])?;
    json::text(error?).map(Into::into)
}
