//! Client assertions of RFC 7523 as draft-ietf-oauth-rfc7523bis updates it.

use serde_json::Value;

use crate::client::Registration;
use crate::client_authentication::registered;
use crate::form::Form;
use crate::jwt::Jwt;
use crate::oauth_error::OAuthError;
use crate::state::State;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(crate) fn verify(
    state: &State,
    form: &Form,
    assertion: &str,
) -> Result<Registration, OAuthError> {
    if form.one("client_assertion_type") != Some(TYPE) {
        return Err(refused("client_assertion_type is not jwt-bearer"));
    }
    let jwt = Jwt::parse(assertion)
        .ok_or_else(|| refused("not a JWT signed with a supported algorithm"))?;
    let client = jwt.text("sub").ok_or_else(|| refused("no sub"))?;
    let client = registered(state, client, None)?;
    let signed = |key: &crate::public_key::PublicKey| {
        key.answers_to(jwt.kid()) && key.verify(jwt.alg, jwt.message.as_bytes(), &jwt.signature)
    };
    if !client.keys.iter().any(signed) {
        return Err(refused("no key of the client signed it"));
    }
    check_claims(state, &client.id, &jwt)?;
    Ok(client)
}

fn check_claims(state: &State, client_id: &str, jwt: &Jwt<'_>) -> Result<(), OAuthError> {
    if !matches!(
        jwt.typ().as_deref(),
        None | Some("jwt" | "client-authentication+jwt")
    ) {
        return Err(refused("its typ is that of another kind of JWT"));
    }
    if jwt.text("iss") != Some(client_id) {
        return Err(refused("iss is not the client"));
    }
    // The token endpoint's URL, once usual, lets another server replay the assertion here.
    if jwt.audiences() != [state.issuer.as_str()] {
        return Err(refused("aud is not exactly the issuer"));
    }
    let now = state.now();
    let exp = jwt
        .expiry(now)
        .ok_or_else(|| refused("expired, not valid yet, or without exp"))?;
    let jti = jwt
        .claims
        .get("jti")
        .and_then(Value::as_str)
        .ok_or_else(|| refused("no jti"))?;
    match state.first_use(client_id, jti, exp, now) {
        true => Ok(()),
        false => Err(refused("jti was used before")),
    }
}

fn refused(reason: &str) -> OAuthError {
    OAuthError::invalid_client(format!("client assertion refused: {reason}"))
}
