//! Which client is asking: exactly one method of RFC 6749 §2.3 or RFC 7523.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use crate::client_assertion;
use crate::form::Form;
use crate::oauth_error::OAuthError;
use crate::registered::{refused, registered};
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
        (None, Some(secret), None) => registered(state, form.required("client_id")?, Some(secret))?,
        (None, None, Some(assertion)) => client_assertion::verify(state, form, assertion)?,
        (None, None, None) => {
            return Err(OAuthError::invalid_client(
                "client authentication is required",
            ));
        }
        _ => {
            return Err(OAuthError::invalid_request(
                "more than one client authentication method",
            ));
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
        (Some(value), None) => value.to_str().map(Some).map_err(|_| refused()),
        _ => Err(OAuthError::invalid_request(
            "more than one Authorization header",
        )),
    }
}

/// Strict about RFC 6749 §2.3.1: identifier and secret are form-encoded one by one, then joined.
fn client_secret_basic(state: &State, header: &str) -> Result<Registration, OAuthError> {
    let (scheme, credentials) = header.split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(OAuthError::invalid_client(
            "only the Basic scheme authenticates a client",
        ));
    }
    let credentials = STANDARD
        .decode(credentials.trim_start())
        .map_err(|_| refused())?;
    let credentials = String::from_utf8(credentials).map_err(|_| refused())?;
    let (id, secret) = credentials.split_once(':').ok_or_else(refused)?;
    if let Ok(client) = registered(state, id, Some(secret))
        && client.raw_basic
    {
        return Ok(client);
    }
    let client = registered(state, &form_decoded(id)?, Some(&form_decoded(secret)?))?;
    if client.raw_basic {
        Err(refused())
    } else {
        Ok(client)
    }
}

fn form_decoded(encoded: &str) -> Result<String, OAuthError> {
    // A raw `&` or `=` cannot come out of an encoder: the client skipped the encoding.
    if encoded.contains(['&', '=']) {
        return Err(refused());
    }
    let decoded = form_urlencoded::parse(encoded.as_bytes()).next();
    Ok(decoded
        .map(|(text, _)| text.into_owned())
        .unwrap_or_default())
}
