//! Client assertions of RFC 7523 as draft-ietf-oauth-rfc7523bis updates it, and of a platform that speaks for its workloads.

use aws_lc_rs::hmac;
use serde_json::Value;

use crate::form::Form;
use crate::jwt::Jwt;
use crate::oauth_error::OAuthError;
use crate::registered::registered;
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
    let subject = jwt.text("sub").ok_or_else(|| refused("no sub"))?;
    match form.one("client_assertion_type") {
        Some(JWT_SPIFFE) if !subject.starts_with("spiffe://") => {
            Err(refused("sub is not a SPIFFE ID"))
        }
        Some(JWT_SPIFFE) => foreign(state, subject, &jwt),
        Some(JWT_BEARER) if jwt.text("iss") == Some(subject) => own(state, subject, &jwt),
        Some(JWT_BEARER) => foreign(state, subject, &jwt),
        _ => Err(refused(
            "client_assertion_type is neither jwt-bearer nor jwt-spiffe",
        )),
    }
}

/// An assertion of a client about itself: `private_key_jwt` or `client_secret_jwt`, told apart by `alg`.
fn own(state: &State, subject: &str, jwt: &Jwt<'_>) -> Result<Registration, OAuthError> {
    let client = registered(state, subject, None)?;
    let signed = match jwt.alg {
        Some(_) => client.keys.iter().any(|key| jwt.is_signed_by(key)),
        None => is_maced(jwt, client.secret.as_deref()),
    };
    if !signed {
        return Err(refused(
            "neither a key nor the secret of the client signed it",
        ));
    }
    if !matches!(
        jwt.typ().as_deref(),
        None | Some("jwt" | "client-authentication+jwt")
    ) {
        return Err(refused("its typ is that of another kind of JWT"));
    }
    // The token endpoint's URL, once usual, lets another server replay the assertion here.
    let audience = match client.audience_token_endpoint {
        true => state.token_endpoint(),
        false => state.issuer.clone(),
    };
    let exp = check_claims(state, jwt, &audience)?;
    let jti = jwt
        .claims
        .get("jti")
        .and_then(Value::as_str)
        .ok_or_else(|| refused("no jti"))?;
    match state.first_use(&client.id, jti, exp, state.now()) {
        true => Ok(client),
        false => Err(refused("jti was used before")),
    }
}

/// An assertion of a platform about one of its workloads, which it sends as often as it likes.
fn foreign(state: &State, subject: &str, jwt: &Jwt<'_>) -> Result<Registration, OAuthError> {
    let clients = state.clients();
    let mut of_subject = clients.values().filter(|client| {
        let mut foreign = client.foreign.iter();
        foreign.any(|(known, key)| known == subject && jwt.is_signed_by(key))
    });
    let client = of_subject.next().cloned();
    drop(clients);
    let client = client.ok_or_else(|| refused("no platform of a client signed it"))?;
    check_claims(state, jwt, &state.issuer)?;
    Ok(client)
}

/// Audience and times; the expiry.
fn check_claims(state: &State, jwt: &Jwt<'_>, audience: &str) -> Result<i64, OAuthError> {
    if jwt.audiences() != [audience] {
        return Err(refused("aud is not exactly the expected one"));
    }
    jwt.expiry(state.now())
        .ok_or_else(|| refused("expired, not valid yet, or without exp"))
}

fn is_maced(jwt: &Jwt<'_>, secret: Option<&str>) -> bool {
    let (algorithm, least) = match jwt.header.get("alg").and_then(Value::as_str) {
        Some("HS256") => (hmac::HMAC_SHA256, 32),
        Some("HS384") => (hmac::HMAC_SHA384, 48),
        Some("HS512") => (hmac::HMAC_SHA512, 64),
        _ => return false,
    };
    // RFC 7518 §3.2: a key as long as the hash, at least.
    secret
        .filter(|secret| secret.len() >= least)
        .is_some_and(|secret| {
            let key = hmac::Key::new(algorithm, secret.as_bytes());
            hmac::verify(&key, jwt.message.as_bytes(), &jwt.signature).is_ok()
        })
}

fn refused(reason: &str) -> OAuthError {
    OAuthError::invalid_client(format!("client assertion refused: {reason}"))
}
