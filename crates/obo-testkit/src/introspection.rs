//! The introspection endpoint (RFC 7662), and its signed responses (RFC 9701).

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use serde_json::{Value, json};

use crate::form::Form;
use crate::jwt;
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;
use crate::{access_token, client_authentication, issue};

const SIGNED: &str = "application/token-introspection+jwt";

pub(crate) fn respond(
    state: &Arc<State>,
    parts: &Parts,
    form: &Form,
) -> Result<Response, OAuthError> {
    let client = client_authentication::authenticate(state, parts, form)?;
    let token = form.required("token")?;
    // No reason is distinguishable from another (RFC 7662 §2.2).
    let document = match active(state, &client, token) {
        Some(mut claims) => {
            claims["active"] = true.into();
            claims["token_type"] = issue::token_type(&claims).into();
            claims
        }
        None => json!({ "active": false }),
    };
    let accept = parts.headers.get(header::ACCEPT);
    if accept.is_none_or(|accept| accept != SIGNED) {
        return Ok(axum::Json(document).into_response());
    }
    let key = state.keys.lock().current(state.signing);
    let header = json!({
        "typ": "token-introspection+jwt",
        "alg": state.signing.as_str(),
        "kid": key.kid,
    });
    let claims = json!({
        "iss": state.issuer,
        "aud": client.id,
        "iat": state.now(),
        "token_introspection": document,
    });
    let body = jwt::encode(&header, &claims, &key.key);
    Ok(([(header::CONTENT_TYPE, SIGNED)], body).into_response())
}

/// The claims of a token that is valid now and that the client may introspect.
fn active(state: &State, client: &Registration, token: &str) -> Option<Value> {
    let claims = access_token::read(state, token).ok()?;
    // A token without `exp` does not expire.
    let is_current = claims.expiry(state.now()).is_some() || claims.0.get("exp").is_none();
    let is_allowed = |aud: &str| aud == client.id || client.introspection_targets.contains(aud);
    (is_current && claims.audiences().into_iter().any(is_allowed)).then_some(claims.0)
}
