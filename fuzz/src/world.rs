//! One issuer, one service and a fixed time.

use obo_core::{
    Audience, BearerToken, Caller, Issuer, KeySet, Policy, Selection, TokenError, UnixTime,
    UnverifiedJwt,
};
use serde_json::{Value, json};
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

use crate::signer;

pub(crate) const ISSUER: &str = "https://idp.example/t";
pub(crate) const AUDIENCE: &str = "service-a";
/// The `oid` of the user. It is the same in each audience, but the `sub` may differ.
pub(crate) const OBJECT: &str = "0-a";
pub(crate) const TENANT: &str = "t";
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const LEEWAY: u64 = 60;

pub(crate) static PUBLISHED: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::parse(key_set().as_bytes()).unwrap());

/// The JWK Set with all keys of the issuer.
pub(crate) fn key_set() -> String {
    let keys = signer::ISSUER.iter().map(|signer| signer.jwk(signer.alg));
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string()
}

pub(crate) fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

pub(crate) fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

pub(crate) fn policy() -> Policy {
    Policy::new(audience(AUDIENCE), issuer())
}

/// The claims of a valid token.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "client_id": "spa",
        "iat": NOW, "exp": NOW + 300, "jti": "t-1", "scope": "orders:read",
        "oid": OBJECT, "tid": TENANT,
    })
}

/// Validates a token in the steps of the product: grammar, form, key, policy.
pub(crate) fn verify(
    policy: &Policy,
    keys: &KeySet,
    token: &str,
    now: UnixTime,
) -> Result<Caller, TokenError> {
    let jwt = UnverifiedJwt::parse(BearerToken::parse(token)?)?;
    match keys.select(jwt.kid(), jwt.algorithm()) {
        Selection::Key(key) => policy.verify(jwt, key, now),
        Selection::Unknown => Err(TokenError::UnknownKey),
        Selection::Misfit => Err(TokenError::Algorithm),
        Selection::Ambiguous => Err(TokenError::AmbiguousKey),
    }
}

/// A runtime whose time advances only when all tasks are idle.
pub(crate) fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// The caller of a token with [`claims`].
pub(crate) fn caller() -> Caller {
    let signer = &signer::ISSUER[0];
    let token = signer.mint(signer.alg, &claims());
    verify(&policy(), &PUBLISHED, &token, now()).unwrap()
}

/// Replaces each byte that is the number of a token by that token; the first has the number 1.
pub(crate) fn with_tokens(bytes: &[u8], tokens: &[String]) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match usize::from(*byte)
            .checked_sub(1)
            .and_then(|i| tokens.get(i))
        {
            Some(token) => expanded.extend_from_slice(token.as_bytes()),
            None => expanded.push(*byte),
        }
    }
    expanded
}
