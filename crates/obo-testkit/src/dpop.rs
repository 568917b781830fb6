//! DPoP at the token endpoint (RFC 9449 §5, §8).

use http::HeaderMap;
use serde_json::Value;
use url::Url;

use crate::jwt::Jwt;
use crate::oauth_error::{OAuthError, require};
use crate::public_key::PublicKey;
use crate::state::State;
use crate::thumbprint::thumbprint;

/// How far `iat` may be off, either way, in seconds.
const WINDOW: i64 = 60;

/// The parameters of a JWK that only a private or a symmetric key has.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The thumbprint of the key in the request's proof; `None` for a request without a proof.
pub(crate) fn verify(state: &State, headers: &HeaderMap) -> Result<Option<String>, OAuthError> {
    let mut proofs = headers.get_all("dpop").iter();
    let Some(proof) = proofs.next() else {
        return Ok(None);
    };
    let is_one = proofs.next().is_none();
    let text = "more than one DPoP header";
    require(is_one, "invalid_dpop_proof", text)?;
    let proof = proof.to_str().ok();
    let jwt = proof
        .and_then(Jwt::parse)
        .ok_or_else(|| refused("not a JWT"))?;
    if jwt.typ().as_deref() != Some("dpop+jwt") {
        return Err(refused("its typ is not dpop+jwt"));
    }
    let header = jwt.header();
    let jwk = header.get("jwk").ok_or_else(|| refused("no jwk"))?;
    if PRIVATE.iter().any(|name| jwk.get(name).is_some()) {
        return Err(refused("its jwk is not a public key"));
    }
    let key = PublicKey::from_jwk(jwk).ok_or_else(|| refused("its jwk is not supported"))?;
    // `kid` names no key here, as the proof has its own.
    if !jwt.is_signed_by(&PublicKey { kid: None, ..key }) {
        return Err(refused("its jwk did not sign it"));
    }
    check_claims(state, &jwt)?;
    let thumbprint = thumbprint(jwk).ok_or_else(|| refused("its jwk is not supported"))?;
    let jti = jwt.claims.text("jti").filter(|jti| !jti.is_empty());
    let jti = jti.ok_or_else(|| refused("no jti"))?;
    check_nonce(state, jwt.claims.0.get("nonce"))?;
    // Last, so that a refused proof uses up nothing.
    let name = format!("dpop {thumbprint}");
    match state.first_use(&name, jti, state.now() + 2 * WINDOW) {
        true => Ok(Some(thumbprint)),
        false => Err(refused("jti was used before")),
    }
}

fn check_claims(state: &State, jwt: &Jwt<'_>) -> Result<(), OAuthError> {
    if jwt.claims.text("htm") != Some("POST") {
        return Err(refused("htm is not POST"));
    }
    let htu = jwt.claims.text("htu").and_then(|htu| Url::parse(htu).ok());
    let mut htu = htu.ok_or_else(|| refused("htu is not a URL"))?;
    htu.set_query(None);
    htu.set_fragment(None);
    let endpoints = [Some(state.url("/token")), state.mutual_tls_url("/token")];
    let is_endpoint = |url: &String| Url::parse(url).as_ref() == Ok(&htu);
    if !endpoints.iter().flatten().any(is_endpoint) {
        return Err(refused("htu is not the token endpoint"));
    }
    let iat = jwt.claims.0["iat"].as_i64();
    let iat = iat.ok_or_else(|| refused("no iat"))?;
    match state.now().abs_diff(iat) <= WINDOW.unsigned_abs() {
        true => Ok(()),
        false => Err(refused("iat is not within a minute of now")),
    }
}

fn check_nonce(state: &State, nonce: Option<&Value>) -> Result<(), OAuthError> {
    if !state.settings.lock().demands_nonce {
        return Ok(());
    }
    let nonce = nonce.and_then(Value::as_str).unwrap_or_default();
    let is_good = state.nonces.lock().accepts(nonce);
    let text = "the proof must have the nonce of the header DPoP-Nonce";
    require(is_good, "use_dpop_nonce", text)
}

fn refused(reason: &str) -> OAuthError {
    OAuthError::new("invalid_dpop_proof", format!("proof refused: {reason}"))
}
