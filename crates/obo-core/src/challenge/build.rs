use http::HeaderValue;

use crate::binding::dpop::ProofError;
use crate::challenge::claims_request::ClaimsRequest;
use crate::error::TokenError;
use crate::jose::crypto::Algorithm;
use crate::token::bearer::TokenScheme;
use crate::token::scope::Scope;

/// The `error` of a challenge (RFC 6750 section 3.1, RFC 9470 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BearerError {
    /// The request is malformed: status 400.
    InvalidRequest,
    /// The token is not accepted: status 401.
    InvalidToken,
    /// The token is valid but not sufficient: status 403.
    InsufficientScope,
    /// The user must authenticate again or more strongly: status 401.
    InsufficientUserAuthentication,
    /// The token lacks claims that a step-up of some servers adds: status 401.
    InsufficientClaims,
    /// The DPoP proof is not accepted (RFC 9449 section 7.1): status 401.
    InvalidDpopProof,
    /// The DPoP proof must repeat the nonce in the header `DPoP-Nonce` (RFC 9449 section 9): status
    /// 401.
    UseDpopNonce,
}

impl BearerError {
    /// The value of the `error` parameter.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InsufficientClaims => "insufficient_claims",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    /// The error with this `error` value in a challenge of this scheme, compared exactly.
    pub(super) fn from_code(scheme: TokenScheme, code: &str) -> Option<Self> {
        let of_dpop = [Self::InvalidDpopProof, Self::UseDpopNonce];
        let of_dpop = of_dpop.into_iter().filter(|_| scheme == TokenScheme::Dpop);
        let known = [
            Self::InvalidRequest,
            Self::InvalidToken,
            Self::InsufficientScope,
            Self::InsufficientUserAuthentication,
            Self::InsufficientClaims,
        ];
        let mut known = known.into_iter().chain(of_dpop);
        known.find(|error| error.code() == code)
    }
}

/// The longest `acr_values` of another party, in bytes: it becomes part of a header.
const MAX_ACR_VALUES: usize = 1024;

/// The values of another party's `acr_values`; empty if it is too long or cannot be in a challenge.
pub(crate) fn acr_values(text: &str) -> Vec<String> {
    if text.len() > MAX_ACR_VALUES || Scope::parse(text).is_none() {
        return Vec::new();
    }
    let values = text.split(' ').filter(|value| !value.is_empty());
    values.map(str::to_owned).collect()
}

/// A challenge of the scheme `Bearer` or `DPoP`.
///
/// Each parameter occurs at most once (RFC 6750 section 3). No parameter says why a token failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Challenge {
    pub(super) scheme: TokenScheme,
    /// The accepted algorithms of proofs. Empty for `Bearer`.
    pub(super) algs: Vec<Algorithm>,
    pub(super) error: Option<BearerError>,
    pub(super) scope: Option<Scope>,
    pub(super) acr_values: Vec<String>,
    pub(super) max_age: Option<u64>,
    pub(super) claims: Option<ClaimsRequest>,
}

impl Challenge {
    /// The challenge to a request without credentials.
    pub fn bare() -> Self {
        Self::default()
    }

    /// A challenge with an error.
    pub fn error(error: BearerError) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    /// The same challenge with the scheme `DPoP` and the accepted algorithms of proofs (RFC 9449
    /// section 7.1).
    ///
    /// A service that accepts both schemes sends a challenge of each to a request without
    /// credentials (RFC 9449 section 7.2).
    ///
    /// ```
    /// use obo_core::Algorithm;
    /// use obo_core::challenge::{BearerError, Challenge};
    ///
    /// let challenge = Challenge::error(BearerError::UseDpopNonce).dpop([Algorithm::Es256]);
    /// let value = challenge.to_header_value();
    /// assert_eq!(value, r#"DPoP error="use_dpop_nonce", algs="ES256""#);
    /// ```
    pub fn dpop(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.scheme = TokenScheme::Dpop;
        self.algs = algorithms.into_iter().collect();
        self
    }

    /// The scheme.
    pub fn scheme(&self) -> TokenScheme {
        self.scheme
    }

    /// Sets the scope that the request needs. An empty scope is left out.
    pub fn scope(mut self, scope: &Scope) -> Self {
        self.scope = (!scope.is_empty()).then(|| scope.clone());
        self
    }

    /// Sets the accepted authentication context classes, in order of preference (RFC 9470 section
    /// 3).
    ///
    /// A value is left out if a quoted string would have to escape one of its characters.
    pub fn acr_values<V: Into<String>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.acr_values = values
            .into_iter()
            .map(Into::into)
            .filter(|value| Scope::new([value]).is_ok())
            .collect();
        self
    }

    /// Sets the maximum age of the user's authentication in seconds (RFC 9470 section 3).
    pub fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// Sets the claims that a token needs, in base64, as clients expect them.
    pub fn claims(mut self, claims: &ClaimsRequest) -> Self {
        self.claims = Some(claims.clone());
        self
    }

    /// What the request needs: those of `scope`, `acr_values`, `max_age` and `claims` that are set.
    pub fn needed(&self) -> Vec<(&'static str, String)> {
        let acr_values = (!self.acr_values.is_empty()).then(|| self.acr_values.join(" "));
        let claims = self.claims.as_ref().map(ClaimsRequest::to_base64);
        [
            ("scope", self.scope.as_ref().map(Scope::to_string)),
            ("acr_values", acr_values),
            ("max_age", self.max_age.map(|seconds| seconds.to_string())),
            ("claims", claims),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// The value of the `WWW-Authenticate` header.
    pub fn to_header_value(&self) -> HeaderValue {
        let error = self.error.map(|error| ("error", error.code().to_owned()));
        let algs = Vec::from_iter(self.algs.iter().map(|alg| alg.name())).join(" ");
        let algs = (!algs.is_empty()).then_some(("algs", algs));
        let bare = HeaderValue::from_static(self.scheme.name());
        let parameters: Vec<_> = error
            .into_iter()
            .chain(self.needed())
            .chain(algs)
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        if parameters.is_empty() {
            return bare;
        }
        // All parts are visible ASCII by their types. If that ever breaks, the bare challenge is
        // safe.
        HeaderValue::try_from(format!("{} {}", self.scheme.name(), parameters.join(", ")))
            .unwrap_or(bare)
    }
}

impl From<&TokenError> for BearerError {
    /// Malformed credentials are a malformed request. Anything else is the token's fault.
    fn from(error: &TokenError) -> Self {
        match error {
            TokenError::Credentials(_) => Self::InvalidRequest,
            _ => Self::InvalidToken,
        }
    }
}

impl From<&ProofError> for BearerError {
    /// A proof without a good nonce must be made again with one. Anything else is the proof's fault
    /// (RFC 9449 sections 7.1 and 9).
    fn from(error: &ProofError) -> Self {
        match error {
            ProofError::MissingNonce | ProofError::StaleNonce => Self::UseDpopNonce,
            _ => Self::InvalidDpopProof,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// BT-10, BT-13, SU-01
    #[test]
    fn challenges_match_golden_text() {
        let text = |challenge: Challenge| challenge.to_header_value().to_str().unwrap().to_owned();
        assert_eq!(text(Challenge::bare()), "Bearer");
        assert_eq!(
            text(Challenge::error(BearerError::InvalidToken)),
            r#"Bearer error="invalid_token""#
        );
        assert_eq!(
            text(
                Challenge::error(BearerError::InsufficientScope)
                    .scope(&Scope::new(["b", "a"]).unwrap())
            ),
            r#"Bearer error="insufficient_scope", scope="a b""#
        );
        assert_eq!(
            text(
                Challenge::error(BearerError::InsufficientUserAuthentication)
                    .acr_values(["gold", "silver"])
                    .max_age(5)
            ),
            r#"Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="5""#
        );
    }

    /// DP-14, DP-15
    #[test]
    fn dpop_challenges_match_golden_text() {
        let algs = [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ed25519];
        let text = |challenge: Challenge| {
            let value = challenge.dpop(algs).to_header_value();
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(text(Challenge::bare()), r#"DPoP algs="ES256 RS256 EdDSA""#);
        for (error, code) in [
            (BearerError::InvalidToken, "invalid_token"),
            (BearerError::InvalidDpopProof, "invalid_dpop_proof"),
            (BearerError::UseDpopNonce, "use_dpop_nonce"),
        ] {
            let expected = format!(r#"DPoP error="{code}", algs="ES256 RS256 EdDSA""#);
            assert_eq!(text(Challenge::error(error)), expected);
        }
        let scope = Scope::new(["a"]).unwrap();
        assert_eq!(
            text(Challenge::error(BearerError::InsufficientScope).scope(&scope)),
            r#"DPoP error="insufficient_scope", scope="a", algs="ES256 RS256 EdDSA""#
        );
    }

    /// DP-14
    #[test]
    fn proof_errors_have_their_oauth_code() {
        for (error, code) in [
            (ProofError::Missing, "invalid_dpop_proof"),
            (ProofError::Signature, "invalid_dpop_proof"),
            (ProofError::Replayed, "invalid_dpop_proof"),
            (ProofError::MissingNonce, "use_dpop_nonce"),
            (ProofError::StaleNonce, "use_dpop_nonce"),
        ] {
            assert_eq!(BearerError::from(&error).code(), code);
        }
        for error in [TokenError::AnotherKey, TokenError::MissingProof] {
            assert_eq!(BearerError::from(&error).code(), "invalid_token");
        }
    }

    /// EN-04
    #[test]
    fn claims_use_standard_base64() {
        let claims = ClaimsRequest::parse(r#"{"access_token": {"acrs": {"value": "c1?>"}}}"#);
        let challenge = Challenge::error(BearerError::InsufficientClaims).claims(&claims.unwrap());
        assert_eq!(
            challenge.to_header_value(),
            r#"Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJ2YWx1ZSI6ImMxPz4ifX19""#
        );
    }

    proptest! {
        /// BT-14, BT-15
        #[test]
        fn challenge_parameters_occur_once(
            values in proptest::collection::vec(".{0,12}", 0..4),
            scope in ".{0,20}",
        ) {
            let scope = Scope::parse(&scope).unwrap_or_default();
            let value = Challenge::error(BearerError::InsufficientUserAuthentication)
                .scope(&scope)
                .acr_values(values)
                .to_header_value();
            let text = value.to_str().unwrap();
            prop_assert!(!text.contains('\\'));
            // Names and values alternate. A value may contain separators, but no quotes.
            let parts: Vec<_> = text["Bearer ".len()..].split('"').collect();
            let names: Vec<_> = parts.iter().step_by(2).map(|part| part.trim_start_matches(", ")).collect();
            let (last, names) = names.split_last().unwrap();
            prop_assert_eq!(*last, "");
            let expected = ["error=", "scope=", "acr_values="];
            prop_assert!(names.iter().all(|name| expected.contains(name)));
            let distinct: std::collections::BTreeSet<_> = names.iter().collect();
            prop_assert_eq!(distinct.len(), names.len());
        }
    }
}
