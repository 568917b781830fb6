use bytes::Bytes;
use http::{Response, StatusCode};

use crate::grant::token_endpoint::{ErrorClass, TokenEndpointError};
use crate::time::UnixTime;
use crate::wire::json;
use crate::wire::retry_after::retry_after;

/// The meaning of a response other than 200. It never means that the token is inactive (RFC 7662
/// section 2.3).
///
/// If a server refuses to introspect a token, for example with `unsupported_token_type`, that is an
/// error of this service.
pub fn introspection_refusal(response: &Response<Bytes>, now: UnixTime) -> TokenEndpointError {
    let status = response.status();
    let (class, problem) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            ErrorClass::ClientMisconfigured,
            "the introspection endpoint does not accept this client",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            ErrorClass::Throttled,
            "the introspection endpoint throttles this client",
        ),
        StatusCode::BAD_REQUEST => (
            ErrorClass::ClientMisconfigured,
            "the introspection endpoint refused the request",
        ),
        status if status.is_server_error() => (
            ErrorClass::Transient,
            "the introspection endpoint has failed",
        ),
        _ => (
            ErrorClass::ResponseUnusable,
            "the introspection endpoint sent an unexpected response",
        ),
    };
    let error = TokenEndpointError::new(class, format!("{problem}: {status}"))
        .with_status(status)
        .with_retry_after(retry_after(response.headers(), now));
    match error_in(response.body()) {
        Some(code) => error.with_oauth(&code, None),
        None => error,
    }
}

/// The meaning of a response with status 200 but without `active`: some servers send an `error` so.
pub(super) fn without_activity(json: &[u8]) -> TokenEndpointError {
    let Some(code) = error_in(json).filter(|code| !code.is_empty()) else {
        return TokenEndpointError::unusable("the response has no `active`");
    };
    let class = match &*code {
        "invalid_client" | "unauthorized_client" | "invalid_request" | "access_denied" => {
            ErrorClass::ClientMisconfigured
        }
        "slow_down" | "too_many_requests" => ErrorClass::Throttled,
        "server_error" | "temporarily_unavailable" => ErrorClass::Transient,
        _ => ErrorClass::ResponseUnusable,
    };
    let problem = "the introspection endpoint refused with status 200";
    TokenEndpointError::new(class, problem).with_oauth(&code, None)
}

fn error_in(json: &[u8]) -> Option<String> {
    let [error] = json::pick(json, ["error"])?;
    json::text(error?).map(Into::into)
}
