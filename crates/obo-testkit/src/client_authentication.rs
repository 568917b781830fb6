//! Authenticates the client by exactly one method of RFC 6749 §2.3 or RFC 7523.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use crate::client_assertion;
use crate::form::Form;
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;

pub(crate) fn authenticate(
    state: &State,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Registration, OAuthError> {
    let header = authorization(headers)?;
    let secret = form.one("client_secret");
    let assertion = form.one("client_assertion");
    let client = match (header, secret, assertion) {
        (Some(header), None, None) => client_secret_basic(state, header)?,
        (None, Some(_), None) => state.client(form.required("client_id")?, secret)?,
        (None, None, Some(assertion)) => client_assertion::verify(state, form, assertion)?,
        (None, None, None) => {
            let text = "client authentication is required";
            return Err(OAuthError::invalid_client(text));
        }
        _ => {
            let text = "more than one client authentication method";
            return Err(OAuthError::invalid_request(text));
        }
    };
    match form.one("client_id") {
        Some(id) if id != client.id => Err(OAuthError::invalid_request(
            "client_id is not the authenticated client",
        )),
        _ => Ok(client),
    }
}

fn authorization(headers: &HeaderMap) -> Result<Option<&str>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(OAuthError::authentication_failed()),
        },
        _ => Err(OAuthError::invalid_request(
            "more than one Authorization header",
        )),
    }
}

fn client_secret_basic(state: &State, header: &str) -> Result<Registration, OAuthError> {
    let refused = OAuthError::authentication_failed;
    let (scheme, credentials) = header.split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        let text = "only the Basic scheme authenticates a client";
        return Err(OAuthError::invalid_client(text));
    }
    let credentials = STANDARD.decode(credentials.trim_start()).ok();
    let credentials = credentials.and_then(|bytes| String::from_utf8(bytes).ok());
    let credentials = credentials.ok_or_else(refused)?;
    let (id, secret) = credentials.split_once(':').ok_or_else(refused)?;
    let raw = state.client(id, Some(secret));
    if let Some(client) = raw.ok().filter(|client| client.raw_basic) {
        return Ok(client);
    }
    // RFC 6749 §2.3.1: identifier and secret are form-encoded one by one, then joined.
    let decoded = form_decoded(id).zip(form_decoded(secret));
    let (id, secret) = decoded.ok_or_else(refused)?;
    let client = state.client(&id, Some(&secret))?;
    match client.raw_basic {
        true => Err(refused()),
        false => Ok(client),
    }
}

fn form_decoded(encoded: &str) -> Option<String> {
    // No encoder writes a raw `&` or `=`: the client skipped the encoding.
    if encoded.contains(['&', '=']) {
        return None;
    }
    let decoded = form_urlencoded::parse(encoded.as_bytes()).next();
    Some(decoded.unwrap_or_default().0.into_owned())
}
