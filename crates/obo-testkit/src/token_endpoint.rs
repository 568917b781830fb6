//! The token endpoint: client, grant, response.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde_json::Value;

use crate::form::Form;
use crate::issue::Binding;
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;
use crate::token_builder::TokenBuilder;
use crate::{client_authentication, client_certificate, dpop, issue, target, token_exchange};

const CLIENT_CREDENTIALS: &str = "client_credentials";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// No password grant and no implicit grant (RFC 9700 §2.4, §2.1.2), not even for tests.
pub(crate) const GRANT_TYPES: [&str; 2] = [CLIENT_CREDENTIALS, TOKEN_EXCHANGE];

pub(crate) fn respond(
    state: &Arc<State>,
    parts: &Parts,
    form: &Form,
) -> Result<Response, OAuthError> {
    let client = client_authentication::authenticate(state, parts, form)?;
    let binding = Binding {
        jkt: dpop::verify(state, &parts.headers)?,
        certificate: client_certificate::to_bind(&parts.extensions),
    };
    let body = match form.required("grant_type")? {
        CLIENT_CREDENTIALS => client_credentials(state, &client, form, &binding)?,
        TOKEN_EXCHANGE => token_exchange::grant(state, &client, form, &binding)?,
        other => {
            let text = format!("grant type {other} is not supported");
            return Err(OAuthError::new("unsupported_grant_type", text));
        }
    };
    Ok(axum::Json(body).into_response())
}

/// The client credentials grant (RFC 6749 §4.4): a token of a service's own.
fn client_credentials(
    state: &Arc<State>,
    client: &Registration,
    form: &Form,
    binding: &Binding,
) -> Result<Value, OAuthError> {
    let targets = target::requested(state, form, &client.request_targets)?;
    let token = TokenBuilder::access_token(Arc::clone(state), &client.id, &client.id);
    let scopes = [form.one("scope"), None];
    issue::response(state, client, token, &targets, scopes, None, binding)
}
