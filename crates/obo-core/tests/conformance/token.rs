//! Tokens written member by member as raw JSON, so that a member can occur twice or be no JSON at all.

use crate::judge::{AUDIENCE, ISSUER, NOW};
use crate::signer::{P256, Signer, b64};

/// A token that the default policy accepts, until something is changed.
#[derive(Clone)]
pub(crate) struct Token {
    header: Members,
    claims: Members,
    signer: &'static Signer,
    raw_payload: Option<Vec<u8>>,
}

#[derive(Clone)]
struct Members(Vec<(String, String)>);

impl Members {
    fn json(&self) -> String {
        let members: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| own != name);
    }

    fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.add(name, value);
    }
}

impl Token {
    /// All claims of RFC 9068, for a user, signed with ES256.
    pub(crate) fn new() -> Self {
        let now = NOW.as_secs();
        let mut header = Members(Vec::new());
        header.add("alg", "\"ES256\"");
        header.add("typ", "\"at+jwt\"");
        header.add("kid", format!("\"{}\"", P256.kid()));
        let mut claims = Members(Vec::new());
        claims.add("iss", format!("\"{ISSUER}\""));
        claims.add("sub", "\"alice\"");
        claims.add("aud", format!("\"{AUDIENCE}\""));
        claims.add("client_id", "\"spa\"");
        claims.add("iat", now.to_string());
        claims.add("exp", (now + 300).to_string());
        claims.add("jti", "\"t-1\"");
        Self {
            header,
            claims,
            signer: &P256,
            raw_payload: None,
        }
    }

    /// Replaces or adds a header member; `json` is its value as text.
    pub(crate) fn header(mut self, name: &str, json: &str) -> Self {
        self.header.set(name, json);
        self
    }

    /// Adds a header member even if there is one of the name.
    pub(crate) fn second_header(mut self, name: &str, json: &str) -> Self {
        self.header.add(name, json);
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Replaces or adds a claim; `json` is its value as text.
    pub(crate) fn claim(mut self, name: &str, json: impl Into<String>) -> Self {
        self.claims.set(name, json);
        self
    }

    /// Adds a claim even if there is one of the name.
    pub(crate) fn second_claim(mut self, name: &str, json: &str) -> Self {
        self.claims.add(name, json);
        self
    }

    pub(crate) fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Takes these bytes for the payload instead of the claims.
    pub(crate) fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.raw_payload = Some(payload.into());
        self
    }

    /// Signs with another key, of which the header then names algorithm and `kid`.
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
        let alg = self
            .header
            .0
            .iter()
            .find(|(name, _)| name == "alg")
            .map_or("", |(_, alg)| alg.trim_matches('"'));
        let payload = match &self.raw_payload {
            Some(raw) => raw.clone(),
            None => self.claims.json().into_bytes(),
        };
        let header = self.header.json();
        seal(self.signer, alg, header.as_bytes(), &payload)
    }
}

/// The compact form of header and payload bytes, whatever they are, with a signature over them.
pub(crate) fn seal(signer: &Signer, alg: &str, header: &[u8], payload: &[u8]) -> String {
    let message = format!("{}.{}", b64(header), b64(payload));
    let signature = b64(signer.sign(alg, message.as_bytes()));
    format!("{message}.{signature}")
}
