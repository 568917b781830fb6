#[cfg(feature = "tracing")]
use obo_core::UnverifiedClaims;
use obo_core::{BearerCredentials, Issuer, Policy, TokenError};

/// Reports at DEBUG what a refused token had and what was expected, never bytes of the token. It
/// costs nothing unless the event is enabled.
///
/// `policy` is that of the issuer that the token names, if it is trusted.
pub(crate) fn token_refused<'p>(
    found: BearerCredentials<'_>,
    error: &TokenError,
    policy_of: impl FnOnce(&str) -> Option<&'p Policy>,
    trusted: impl Iterator<Item = &'p Issuer>,
) {
    #[cfg(feature = "tracing")]
    if tracing::enabled!(target: "obo", tracing::Level::DEBUG) {
        let token = str::from_utf8(found.as_bytes()).unwrap_or_default();
        let claims = UnverifiedClaims::read(token);
        let issuer = claims.claim("iss");
        let policy = issuer.as_deref().and_then(policy_of);
        let claim = match error {
            TokenError::MissingClaim(name)
            | TokenError::InvalidClaim(name)
            | TokenError::UnexpectedClaim(name) => Some(*name),
            _ => None,
        };
        let audiences = policy.map(|policy| joined(policy.audiences(), |it| it.as_str()));
        let algorithms = policy.map(|policy| joined(policy.algorithms(), |it| it.name()));
        let trusted: Vec<_> = trusted.map(Issuer::as_str).collect();
        event!(
            DEBUG,
            code = error.code(),
            reason = %error,
            form = if claims.is_empty() { "opaque" } else { "jwt" },
            issuer,
            expected_issuer = trusted.join(" "),
            audience = claims.claim("aud"),
            expected_audience = audiences,
            typ = claims.header("typ"),
            expected_typ = policy.map(Policy::token_types),
            alg = claims.header("alg"),
            expected_alg = algorithms,
            kid = claims.header("kid"),
            client_id = claims.client(),
            actor = claims.actor(),
            seconds_off = error.time_off().map(|off| off.as_secs()),
            leeway = policy.map(|policy| policy.leeway().as_secs()),
            claim,
            claim_type = claim.map(|name| claims.claim_type(name).unwrap_or("missing")),
            "token refused"
        );
    }
}

#[cfg(feature = "tracing")]
fn joined<T>(values: &[T], text: impl Fn(&T) -> &str) -> String {
    values.iter().map(text).collect::<Vec<_>>().join(" ")
}
