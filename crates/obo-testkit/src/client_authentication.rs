//! Authenticates the client by exactly one method of RFC 6749 §2.3 or RFC 7523.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::header;
use http::request::Parts;

use crate::form::Form;
use crate::oauth_error::{OAuthError, require};
use crate::registration::Registration;
use crate::state::State;
use crate::{client_assertion, client_certificate};

pub(crate) fn authenticate(
    state: &State,
    parts: &Parts,
    form: &Form,
) -> Result<Registration, OAuthError> {
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let header = headers.next();
    let text = "more than one Authorization header";
    require(headers.next().is_none(), "invalid_request", text)?;
    let secret = form.one("client_secret");
    let assertion = form.one("client_assertion");
    let client = match (header, secret, assertion) {
        (Some(header), None, None) => {
            let header = header.to_str().ok();
            client_secret_basic(state, header.ok_or_else(OAuthError::authentication_failed)?)?
        }
        (None, Some(_), None) => state.client(form.required("client_id")?, secret)?,
        (None, None, Some(assertion)) => client_assertion::verify(state, form, assertion)?,
        (None, None, None) => {
            let shown = client_certificate::authenticate(state, &parts.extensions, form);
            let text = "client authentication is required";
            shown.ok_or_else(|| OAuthError::new("invalid_client", text))??
        }
        _ => {
            let text = "more than one client authentication method";
            return Err(OAuthError::new("invalid_request", text));
        }
    };
    let is_same = form.one("client_id").is_none_or(|id| id == client.id);
    let text = "client_id is not the authenticated client";
    require(is_same, "invalid_request", text)?;
    Ok(client)
}

fn client_secret_basic(state: &State, header: &str) -> Result<Registration, OAuthError> {
    let refused = OAuthError::authentication_failed;
    let (scheme, credentials) = header.split_once(' ').ok_or_else(refused)?;
    let text = "only the Basic scheme authenticates a client";
    require(scheme.eq_ignore_ascii_case("Basic"), "invalid_client", text)?;
    let credentials = BASE64_STANDARD.decode(credentials.trim_start()).ok();
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
