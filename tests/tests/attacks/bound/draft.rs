//! Proofs of a key (RFC 9449 section 4.2), right unless a case changes them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use obo_test_support::{Members, Signer, base64url};
use serde_json::Value;

static PROOFS: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone)]
pub(crate) struct Proof<'k> {
    pub(crate) header: Members,
    pub(crate) claims: Members,
    key: &'k Signer,
    alg: String,
}

impl<'k> Proof<'k> {
    /// A proof of this key for a POST.
    pub(crate) fn new(key: &'k Signer, alg: &str, url: &str, token: &str, now: i64) -> Self {
        let mut header = Members::default();
        header.repeat("typ", r#""dpop+jwt""#);
        header.repeat("alg", format!("{alg:?}"));
        header.repeat("jwk", format!("{{{}}}", key.key_members()));
        let mut claims = Members::default();
        claims.repeat("jti", format!("{:?}", new_jti()));
        claims.repeat("htm", r#""POST""#);
        claims.repeat("htu", format!("{url:?}"));
        claims.repeat("iat", now.to_string());
        claims.repeat("ath", format!("{:?}", sha256(token)));
        Self {
            header,
            claims,
            key,
            alg: alg.to_owned(),
        }
    }

    /// Sets a claim to this JSON text.
    pub(crate) fn claim(mut self, name: &str, json: &str) -> Self {
        self.claims.set(name, json);
        self
    }

    /// Sets a claim to this string.
    pub(crate) fn text_claim(self, name: &str, text: &str) -> Self {
        self.claim(name, &Value::from(text).to_string())
    }

    pub(crate) fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    /// Sets a header member to this JSON text.
    pub(crate) fn header(mut self, name: &str, json: &str) -> Self {
        self.header.set(name, json);
        self
    }

    /// Shows this key, and signs with its own one.
    pub(crate) fn jwk(self, members: &str) -> Self {
        self.header("jwk", &format!("{{{members}}}"))
    }

    pub(crate) fn text(&self) -> String {
        self.signed(self.header.json().as_bytes(), self.claims.json().as_bytes())
    }

    /// Signs these texts.
    pub(crate) fn signed(&self, header: &[u8], claims: &[u8]) -> String {
        self.key.compact(&self.alg, header, claims)
    }

    /// Header and payload, encoded.
    pub(crate) fn segments(&self) -> (String, String) {
        (base64url(self.header.json()), base64url(self.claims.json()))
    }
}

/// An identifier that no other proof of this process has.
pub(crate) fn new_jti() -> String {
    let number = PROOFS.fetch_add(1, Ordering::Relaxed);
    format!("proof-{number}-of-the-matrix")
}

/// The hash as proofs and thumbprints write it.
pub(crate) fn sha256(text: impl AsRef<[u8]>) -> String {
    base64url(digest(&SHA256, text.as_ref()))
}

/// The thumbprint of a key (RFC 7638): the hash of its members in order.
pub(crate) fn thumbprint(key: &Signer) -> String {
    let members = format!("{{{}}}", key.key_members());
    let members: BTreeMap<String, String> = serde_json::from_str(&members).unwrap();
    sha256(serde_json::to_string(&members).unwrap())
}
