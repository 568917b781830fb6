//! The introspection endpoint (RFC 7662), and its signed answers (RFC 9701).

use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use crate::client_authentication;
use crate::form::Form;
use crate::jwt::{self, Jwt, Object};
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;

const SIGNED: &str = "application/token-introspection+jwt";

pub(crate) fn answer(state: &State, parts: &Parts, pairs: Vec<(String, String)>) -> Response {
    let mut response = match introspect(state, parts, pairs) {
        Ok((client, said)) if wants_signed(&parts.headers) => {
            let body = sign(state, &client, said);
            ([(header::CONTENT_TYPE, SIGNED)], body).into_response()
        }
        Ok((_, said)) => axum::Json(said).into_response(),
        Err(error) => error.into_response(),
    };
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

fn introspect(
    state: &State,
    parts: &Parts,
    pairs: Vec<(String, String)>,
) -> Result<(Registration, Value), OAuthError> {
    let form = Form::check(&parts.headers, pairs)?;
    let client = client_authentication::authenticate(state, &parts.headers, &form)?;
    let token = form.required("token")?;
    // Nothing tells one reason from another (RFC 7662 §2.2).
    let said = match active(state, &client, token) {
        Some(mut claims) => {
            claims.insert("active".to_owned(), true.into());
            claims.insert("token_type".to_owned(), "Bearer".into());
            Value::Object(claims)
        }
        None => json!({ "active": false }),
    };
    Ok((client, said))
}

/// The claims of a token that is valid now and addressed to the client that asks.
fn active(state: &State, client: &Registration, token: &str) -> Option<Object> {
    let opaque = state.tokens().claims(token);
    let jwt = match opaque {
        Some(claims) => Jwt::of_opaque(claims),
        None => Jwt::parse(token)
            .filter(|jwt| state.keys().signed(jwt) && jwt.typ().as_deref() == Some("at+jwt"))?,
    };
    let is_for_client = client.may_introspect(&jwt.audiences());
    let is_revoked = state.tokens().is_revoked(token);
    let is_active = is_for_client && !is_revoked && jwt.is_current(state.now());
    is_active.then_some(jwt.claims)
}

fn wants_signed(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == SIGNED)
}

fn sign(state: &State, client: &Registration, said: Value) -> String {
    let key = state.keys().current(state.signing);
    let mut header = Object::new();
    header.insert("typ".to_owned(), "token-introspection+jwt".into());
    header.insert("alg".to_owned(), state.signing.as_str().into());
    header.insert("kid".to_owned(), key.kid.into());
    let mut claims = Object::new();
    claims.insert("iss".to_owned(), state.issuer.as_str().into());
    claims.insert("aud".to_owned(), client.id.as_str().into());
    claims.insert("iat".to_owned(), state.now().into());
    claims.insert("token_introspection".to_owned(), said);
    jwt::encode(&header, &claims, &key.key)
}
