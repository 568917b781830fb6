use super::Policy;
use crate::error::TokenError;
use crate::jose::jwk::VerificationKey;
use crate::time::UnixTime;
use crate::validate::jwt::UnverifiedJwt;

/// One rule for tokens, and whether a token keeps it. From [`Policy::checks`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCheck {
    /// The name of the rule, such as `audience`.
    pub rule: &'static str,
    /// How the token breaks the rule, if it does.
    pub outcome: Result<(), TokenError>,
}

impl TokenCheck {
    /// Names a rule and its outcome, for a check outside the policy.
    pub fn new(rule: &'static str, outcome: Result<(), TokenError>) -> Self {
        Self { rule, outcome }
    }
}

impl Policy {
    /// Checks a token by each rule and does not stop at the first that it breaks: for tools that
    /// explain a refusal.
    ///
    /// [`verify`](Self::verify) accepts a token if it keeps each of these rules. Only `verify`
    /// makes a [`Caller`](crate::Caller). Without a key, there is no check of the signature.
    pub fn checks(
        &self,
        jwt: &UnverifiedJwt<'_>,
        key: Option<&VerificationKey>,
        now: UnixTime,
    ) -> Vec<TokenCheck> {
        let (header, claims, profile) = (&jwt.jws.header, &jwt.claims, &self.profile);
        let found = profile.client(claims);
        let client = found.as_ref().ok().and_then(Option::as_deref);
        let met = |is_met: bool, error| if is_met { Ok(()) } else { Err(error) };
        let expiry = claims.exp.ok_or(TokenError::MissingClaim("exp"));
        let expiry = expiry.and_then(|exp| self.check_expires(exp, now));
        let issued = self.check_issued(claims, now);
        let mut checks = vec![
            (
                "algorithm",
                met(self.allows(header.alg), TokenError::Algorithm),
            ),
            ("type", profile.check_type(header)),
            ("issuer", self.check_issuer(claims)),
            ("audience", self.check_audience(claims.aud.as_ref(), client)),
            ("expiry", expiry),
            (
                "issued at",
                issued.and_then(|()| self.check_age(claims.iat, now)),
            ),
            ("not before", self.check_not_before(claims, now)),
            (
                "subject",
                met(claims.sub().is_some(), TokenError::MissingClaim("sub")),
            ),
            ("client", found.as_ref().map(drop).map_err(Clone::clone)),
            ("actors", profile.check_actors(&claims.actors)),
            ("kind", profile.check_kind(claims, client, &self.issuer)),
            ("scope", profile.scope(claims).map(drop)),
            ("binding", claims.confirmation.check(self.binding_checks)),
        ];
        let mut unmet = profile.unmet(claims, client, &self.issuer).peekable();
        if unmet.peek().is_none() {
            checks.push(("required claims", Ok(())));
        }
        checks.extend(unmet.map(|error| ("required claims", Err(error))));
        if self.read_claims.is_some() {
            checks.push(("typed claims", self.typed(claims).map(drop)));
        }
        if let Some(key) = key {
            let key = key.for_algorithm(header.alg).ok_or(TokenError::Algorithm);
            let signed = key.map(|key| jwt.jws.is_signed_by(key));
            let signed = signed.and_then(|is_signed| met(is_signed, TokenError::Signature));
            checks.push(("signature", signed));
        }
        let checks = checks.into_iter();
        checks
            .map(|(rule, outcome)| TokenCheck::new(rule, outcome))
            .collect()
    }
}
