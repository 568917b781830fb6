//! Client assertions of RFC 7523 as draft-ietf-oauth-rfc7523bis updates it, and assertions of a
//! platform about its workloads.

use crate::form::Form;
use crate::jwt::{Claims, Jwt};
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// draft-ietf-oauth-spiffe-client-auth.
const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

pub(crate) const MACS: [&str; 3] = ["HS256", "HS384", "HS512"];

pub(crate) fn verify(
    state: &State,
    form: &Form,
    assertion: &str,
) -> Result<Registration, OAuthError> {
    let jwt = Jwt::parse(assertion).ok_or_else(|| refused("not a JWT"))?;
    let subject = jwt.claims.text("sub").ok_or_else(|| refused("no sub"))?;
    match form.one("client_assertion_type") {
        Some(JWT_SPIFFE) if !subject.starts_with("spiffe://") => {
            Err(refused("sub is not a SPIFFE ID"))
        }
        Some(JWT_BEARER) if jwt.claims.text("iss") == Some(subject) => own(state, subject, &jwt),
        Some(JWT_BEARER | JWT_SPIFFE) => foreign(state, subject, &jwt),
        _ => Err(refused(
            "client_assertion_type is neither jwt-bearer nor jwt-spiffe",
        )),
    }
}

/// An assertion of a client about itself: `private_key_jwt` or `client_secret_jwt`.
fn own(state: &State, subject: &str, jwt: &Jwt<'_>) -> Result<Registration, OAuthError> {
    let client = state.client(subject, None)?;
    let secret = client.secret.as_deref();
    if !client.keys.iter().any(|key| jwt.is_signed_by(key))
        && !secret.is_some_and(|secret| jwt.is_signed_with_secret(secret))
    {
        let reason = "neither a key nor the secret of the client signed it";
        return Err(refused(reason));
    }
    let is_assertion = |typ: String| ["jwt", "client-authentication+jwt"].contains(&typ.as_str());
    if !jwt.typ().is_none_or(is_assertion) {
        return Err(refused("its typ is that of another kind of JWT"));
    }
    // With the token endpoint's URL, once usual, another server could replay the assertion here.
    let audience = match client.audience_token_endpoint {
        true => state.url("/token"),
        false => state.issuer.clone(),
    };
    let exp = check_claims(state, &jwt.claims, &audience)?;
    let jti = jwt.claims.text("jti").ok_or_else(|| refused("no jti"))?;
    match state.first_use(&client.id, jti, exp) {
        true => Ok(client),
        false => Err(refused("jti was used before")),
    }
}

/// An assertion of a platform about one of its workloads, which may send it repeatedly.
fn foreign(state: &State, subject: &str, jwt: &Jwt<'_>) -> Result<Registration, OAuthError> {
    let is_meant = |client: &&Registration| {
        let mut foreign = client.foreign.iter();
        foreign.any(|(known, key)| known == subject && jwt.is_signed_by(key))
    };
    let client = state.clients.lock().values().find(is_meant).cloned();
    let client = client.ok_or_else(|| refused("no platform of a client signed it"))?;
    check_claims(state, &jwt.claims, &state.issuer)?;
    Ok(client)
}

/// Checks audience and times, and returns the expiry.
fn check_claims(state: &State, claims: &Claims, audience: &str) -> Result<i64, OAuthError> {
    if claims.audiences() != [audience] {
        return Err(refused("aud is not exactly the expected one"));
    }
    let exp = claims.expiry(state.now());
    exp.ok_or_else(|| refused("expired, not valid yet, or without exp"))
}

fn refused(reason: &str) -> OAuthError {
    let text = format!("client assertion refused: {reason}");
    OAuthError::new("invalid_client", text)
}
