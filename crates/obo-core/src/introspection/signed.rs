use super::IntrospectionAnswer;
use crate::grant::token_endpoint::TokenEndpointError;
use crate::jose::crypto::Algorithm;
use crate::jose::jwk::VerificationKey;
use crate::secret::redacted;
use crate::time::UnixTime;
use crate::token::bearer::BearerToken;
use crate::validate::claims::Claims;
use crate::validate::jwt::Jws;
use crate::validate::policy::Policy;
use crate::wire::json;
use crate::wire::json::OneOrMany;

/// A signed introspection answer (RFC 9701 section 5), of which the form alone was checked: it shows what is needed to find
/// a key.
pub struct SignedAnswer<'a> {
    jws: Jws<'a>,
    payload: Vec<u8>,
}

impl<'a> SignedAnswer<'a> {
    /// Reads the compact serialisation, as strictly as that of a token.
    ///
    /// # Errors
    ///
    /// When it is no JWS, or of another `typ` than `token-introspection+jwt` (IN-10).
    pub fn parse(answer: &'a [u8]) -> Result<Self, TokenEndpointError> {
        let parsed = std::str::from_utf8(answer)
            .ok()
            .and_then(|text| BearerToken::parse(text).and_then(Jws::parse).ok());
        let (jws, payload) = parsed.ok_or_else(|| unusable("the answer is no compact JWS"))?;
        if !jws.header.is_introspection {
            return Err(unusable(
                "the answer's `typ` is not `token-introspection+jwt`",
            ));
        }
        Ok(Self { jws, payload })
    }

    /// The algorithm the header names.
    pub fn algorithm(&self) -> Algorithm {
        self.jws.header.alg
    }

    /// The key the header names.
    pub fn kid(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// Whether the signature verifies by this key; nothing else is checked.
    pub fn is_signed_by(&self, key: &VerificationKey) -> bool {
        let key = key.for_algorithm(self.algorithm());
        key.is_some_and(|key| self.jws.is_signed_by(key))
    }
}

redacted!(SignedAnswer<'_>);

impl Policy {
    /// Opens a signed answer with one of the issuer's keys: it must be of the issuer, for `client_id`, of now within
    /// leeway, and signed with an allowed algorithm. What is beside `token_introspection` says nothing of the token (IN-10).
    ///
    /// # Errors
    ///
    /// Why the answer cannot be used; it says nothing of the token.
    pub fn open(
        &self,
        signed: SignedAnswer<'_>,
        key: &VerificationKey,
        client_id: &str,
        now: UnixTime,
    ) -> Result<IntrospectionAnswer, TokenEndpointError> {
        let SignedAnswer { jws, payload } = signed;
        let algorithm = jws.header.alg;
        let key = key
            .for_algorithm(algorithm)
            .filter(|_| self.allows(algorithm));
        let key = key.ok_or_else(|| unusable("the answer's algorithm is not allowed"))?;
        if !jws.is_signed_by(key) {
            return Err(unusable("the answer's signature does not verify"));
        }
        // The same strict reading as of a token finds members that occur twice, at any depth.
        let claims = Claims::parse(payload.clone())
            .map_err(|_| unusable("the answer's claims are malformed"))?;
        if self.check_issuer(&claims).is_err() {
            return Err(unusable("the answer's `iss` is not the issuer"));
        }
        let mut aud = claims.aud.iter().flat_map(OneOrMany::iter);
        if !aud.any(|aud| aud == client_id) {
            return Err(unusable("the answer is not addressed to this client"));
        }
        let iat = claims
            .iat
            .ok_or_else(|| unusable("the answer has no `iat`"))?;
        if !self.is_about_now(iat, now) {
            return Err(unusable("the answer was not made now"));
        }
        let inner = json::pick(&payload, ["token_introspection"]).and_then(|[inner]| inner);
        let inner = inner.ok_or_else(|| unusable("the answer has no `token_introspection`"))?;
        IntrospectionAnswer::parse(inner.as_bytes())
    }
}

fn unusable(problem: &'static str) -> TokenEndpointError {
    TokenEndpointError::unusable(problem)
}
