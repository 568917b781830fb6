use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

/// An error response of RFC 6749 §5.2.
#[derive(Debug)]
pub(crate) struct OAuthError {
    code: &'static str,
    description: String,
}

impl OAuthError {
    pub(crate) fn new(code: &'static str, description: impl Into<String>) -> Self {
        let description = description.into();
        Self { code, description }
    }

    /// One text for every reason, as a real server does not reveal which part was wrong.
    pub(crate) fn authentication_failed() -> Self {
        Self::new("invalid_client", "client authentication failed")
    }
}

/// Fails with this error unless the condition holds.
pub(crate) fn require(
    holds: bool,
    code: &'static str,
    description: impl Into<String>,
) -> Result<(), OAuthError> {
    match holds {
        true => Ok(()),
        false => Err(OAuthError::new(code, description)),
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.description });
        if self.code != "invalid_client" {
            return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
        }
        // RFC 6749 requires it when `Authorization` was used, RFC 9110 §15.5.2 on every 401.
        let challenge = "Basic realm=\"obo-testkit\", charset=\"UTF-8\"";
        let headers = [(header::WWW_AUTHENTICATE, challenge)];
        (StatusCode::UNAUTHORIZED, headers, axum::Json(body)).into_response()
    }
}
