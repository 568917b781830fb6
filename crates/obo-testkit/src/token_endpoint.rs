//! The token endpoint: form, client, grant, answer.

use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use serde_json::Value;

use crate::form::Form;
use crate::oauth_error::OAuthError;
use crate::state::State;
use crate::{client_authentication, client_credentials, token_exchange};

const CLIENT_CREDENTIALS: &str = "client_credentials";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// No password and no implicit grant (RFC 9700 §2.4, §2.1.2), not even for tests.
pub(crate) const GRANT_TYPES: [&str; 2] = [CLIENT_CREDENTIALS, TOKEN_EXCHANGE];

pub(crate) fn answer(state: &State, parts: &Parts, pairs: Vec<(String, String)>) -> Response {
    let mut response = match grant(state, parts, pairs) {
        Ok(body) => axum::Json(body).into_response(),
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn grant(state: &State, parts: &Parts, pairs: Vec<(String, String)>) -> Result<Value, OAuthError> {
    let form = Form::check(&parts.headers, pairs)?;
    let client = client_authentication::authenticate(state, &parts.headers, &form)?;
    match form.required("grant_type")? {
        CLIENT_CREDENTIALS => client_credentials::grant(state, &client, &form),
        TOKEN_EXCHANGE => token_exchange::grant(state, &client, &form),
        other => Err(OAuthError::unsupported_grant_type(format!(
            "grant type {other} is not supported"
        ))),
    }
}
