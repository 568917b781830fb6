use super::IntrospectionResponse;
use crate::grant::token_endpoint::TokenEndpointError;
use crate::jose::crypto::Algorithm;
use crate::jose::jwk::VerificationKey;
use crate::secret::redacted;
use crate::time::UnixTime;
use crate::token::bearer::BearerToken;
use crate::validate::claims::Claims;
use crate::validate::jwt::{Jws, OtherKind};
use crate::validate::policy::Policy;
use crate::wire::json;
use crate::wire::json::OneOrMany;

/// A signed introspection response (RFC 9701 section 5) whose form was checked. It shows what is
/// needed to find a key.
pub struct SignedIntrospection<'a> {
    jws: Jws<'a>,
    payload: Vec<u8>,
}

impl<'a> SignedIntrospection<'a> {
    /// Reads the compact form, as strictly as a token's.
    ///
    /// # Errors
    ///
    /// Fails if it is not a JWS, or if its `typ` is not `token-introspection+jwt`.
    pub fn parse(response: &'a [u8]) -> Result<Self, TokenEndpointError> {
        let parsed = std::str::from_utf8(response)
            .ok()
            .and_then(|text| BearerToken::parse(text).and_then(Jws::parse).ok());
        let (jws, payload) = parsed.ok_or_else(|| unusable("the response is not a compact JWS"))?;
        if jws.header.other_kind != Some(OtherKind::Introspection) {
            return Err(unusable(
                "the `typ` of the signed response is not `token-introspection+jwt`",
            ));
        }
        Ok(Self { jws, payload })
    }

    /// The algorithm in the header.
    pub fn algorithm(&self) -> Algorithm {
        self.jws.header.alg
    }

    /// The `kid` in the header.
    pub fn kid(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// Whether this key verifies the signature. Nothing else is checked.
    pub fn is_signed_by(&self, key: &VerificationKey) -> bool {
        let key = key.for_algorithm(self.algorithm());
        key.is_some_and(|key| self.jws.is_signed_by(key))
    }
}

redacted!(SignedIntrospection<'_>);

impl Policy {
    /// Opens a signed response with one of the issuer's keys. It must come from the issuer, be for
    /// `client_id`, be issued now within leeway, and have an allowed algorithm. Only
    /// `token_introspection` is about the token.
    ///
    /// # Errors
    ///
    /// Says why the response cannot be used. That does not reject the token.
    pub fn open(
        &self,
        signed: SignedIntrospection<'_>,
        key: &VerificationKey,
        client_id: &str,
        now: UnixTime,
    ) -> Result<IntrospectionResponse, TokenEndpointError> {
        let SignedIntrospection { jws, payload } = signed;
        let algorithm = jws.header.alg;
        let key = key
            .for_algorithm(algorithm)
            .filter(|_| self.allows(algorithm));
        let key =
            key.ok_or_else(|| unusable("the algorithm of the signed response is not allowed"))?;
        if !jws.is_signed_by(key) {
            return Err(unusable(
                "the signature of the signed response does not verify",
            ));
        }
        // Read as strictly as a token, to find duplicate members at any depth.
        let claims = Claims::parse(payload.clone())
            .map_err(|_| unusable("the claims of the signed response are malformed"))?;
        if self.check_issuer(&claims).is_err() {
            return Err(unusable(
                "the `iss` of the signed response is not the issuer",
            ));
        }
        let mut aud = claims.aud.iter().flat_map(OneOrMany::iter);
        if !aud.any(|aud| aud == client_id) {
            return Err(unusable("the signed response is not for this client"));
        }
        let iat = claims
            .iat
            .ok_or_else(|| unusable("the signed response has no `iat`"))?;
        if !self.is_about_now(iat, now) {
            return Err(unusable("the signed response was not issued now"));
        }
        let inner = json::pick(&payload, ["token_introspection"]).and_then(|[inner]| inner);
        let inner =
            inner.ok_or_else(|| unusable("the signed response has no `token_introspection`"))?;
        IntrospectionResponse::parse(inner.as_bytes())
    }
}

fn unusable(problem: &'static str) -> TokenEndpointError {
    TokenEndpointError::unusable(problem)
}
