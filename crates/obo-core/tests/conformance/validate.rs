//! One resource server, one issuer, and a fixed time.

use obo_core::{
    Audience, BearerToken, Caller, Issuer, KeySet, Policy, PolicyBuilder, Profile, Selection,
    TokenError, UnixTime, UnverifiedJwt,
};

use crate::signer::{ED25519, P256, P384, RSA};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const ISSUER: &str = "https://idp.example/t";
pub(crate) const AUDIENCE: &str = "service-a";

pub(crate) fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

/// The default policy of RFC 9068.
pub(crate) fn strict() -> Policy {
    Policy::new(Audience::new(AUDIENCE).unwrap(), issuer())
}

/// Its builder, for other settings.
pub(crate) fn builder() -> PolicyBuilder {
    Policy::builder(issuer()).audience(AUDIENCE)
}

pub(crate) fn lenient() -> Policy {
    builder().profile(Profile::LENIENT).build().unwrap()
}

/// A key set of these entries.
pub(crate) fn key_set(entries: &[String]) -> KeySet {
    KeySet::parse(format!(r#"{{"keys":[{}]}}"#, entries.join(",")).as_bytes()).unwrap()
}

/// The set the issuer publishes: one key of each type.
pub(crate) fn published() -> KeySet {
    key_set(&[RSA.jwk(""), P256.jwk(""), P384.jwk(""), ED25519.jwk("")])
}

/// All steps of a token: grammar, form, key, policy.
pub(crate) fn validate(
    policy: &Policy,
    keys: &KeySet,
    token: &str,
    now: UnixTime,
) -> Result<Caller, TokenError> {
    let jwt = UnverifiedJwt::parse(BearerToken::parse(token)?)?;
    if !policy.allows(jwt.algorithm()) {
        return Err(TokenError::Algorithm);
    }
    let key = match keys.select(jwt.kid(), jwt.algorithm()) {
        Selection::Key(key) => key,
        Selection::Unknown => return Err(TokenError::UnknownKey),
        Selection::Misfit => return Err(TokenError::Algorithm),
        Selection::Ambiguous => return Err(TokenError::AmbiguousKey),
    };
    policy.verify(jwt, key, now)
}

/// Validates by the policy of RFC 9068, now.
pub(crate) fn verdict(token: &str) -> Result<Caller, TokenError> {
    validate(&strict(), &published(), token, NOW)
}

/// Validates by the lenient policy, now.
pub(crate) fn lenient_verdict(token: &str) -> Result<Caller, TokenError> {
    validate(&lenient(), &published(), token, NOW)
}

pub(crate) fn refusal(token: &str) -> TokenError {
    verdict(token).unwrap_err()
}
