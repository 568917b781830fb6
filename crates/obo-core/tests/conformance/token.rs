//! Tokens written member by member as raw JSON, so that a member can be duplicate or malformed.

use obo_test_support::Members;

use crate::signer::{P256, Signer};
use crate::validate::{AUDIENCE, ISSUER, NOW};

/// A token that the default policy accepts, unless a test changes it.
#[derive(Clone)]
pub(crate) struct Token {
    header: Members,
    claims: Members,
    signer: &'static Signer,
    raw_payload: Option<Vec<u8>>,
}

impl Token {
    /// All claims of RFC 9068, for a user, signed with ES256.
    pub(crate) fn new() -> Self {
        let now = NOW.as_secs();
        let mut header = Members::default();
        header.repeat("alg", "\"ES256\"");
        header.repeat("typ", "\"at+jwt\"");
        header.repeat("kid", format!("\"{}\"", P256.kid()));
        let mut claims = Members::default();
        claims.repeat("iss", format!("\"{ISSUER}\""));
        claims.repeat("sub", "\"alice\"");
        claims.repeat("aud", format!("\"{AUDIENCE}\""));
        claims.repeat("client_id", "\"spa\"");
        claims.repeat("iat", now.to_string());
        claims.repeat("exp", (now + 300).to_string());
        claims.repeat("jti", "\"t-1\"");
        Self {
            header,
            claims,
            signer: &P256,
            raw_payload: None,
        }
    }

    /// Replaces or adds a header member with this JSON text.
    pub(crate) fn header(mut self, name: &str, json: &str) -> Self {
        self.header.set(name, json);
        self
    }

    /// Adds a header member, even a duplicate.
    pub(crate) fn second_header(mut self, name: &str, json: &str) -> Self {
        self.header.repeat(name, json);
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Replaces or adds a claim with this JSON text.
    pub(crate) fn claim(mut self, name: &str, json: impl Into<String>) -> Self {
        self.claims.set(name, json);
        self
    }

    /// Adds a claim, even a duplicate.
    pub(crate) fn second_claim(mut self, name: &str, json: &str) -> Self {
        self.claims.repeat(name, json);
        self
    }

    pub(crate) fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Uses these bytes as the payload instead of the claims.
    pub(crate) fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.raw_payload = Some(payload.into());
        self
    }

    /// Signs with another key. The header gets its algorithm and `kid`.
    pub(crate) fn signed_by(self, signer: &'static Signer, alg: &str) -> Self {
        let mut token = self
            .header("alg", &format!("\"{alg}\""))
            .header("kid", &format!("\"{}\"", signer.kid()));
        token.signer = signer;
        token
    }

    pub(crate) fn header_json(&self) -> String {
        self.header.json()
    }

    pub(crate) fn claims_json(&self) -> String {
        self.claims.json()
    }

    pub(crate) fn mint(&self) -> String {
        let alg = self.header.get("alg").unwrap_or_default();
        let alg = alg.trim_matches('"');
        let payload = match &self.raw_payload {
            Some(raw) => raw.clone(),
            None => self.claims.json().into_bytes(),
        };
        let header = self.header.json();
        seal(self.signer, alg, header.as_bytes(), &payload)
    }
}

/// The compact form of any header and payload bytes, with a signature.
pub(crate) fn seal(signer: &Signer, alg: &str, header: &[u8], payload: &[u8]) -> String {
    signer.compact(alg, header, payload)
}
