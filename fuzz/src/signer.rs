//! Keys that are generated at startup, and signatures without the code under test.

use std::sync::LazyLock;

pub(crate) use obo_test_support::base64url as b64;
use serde_json::{Value, json};

/// One signer per algorithm. The issuer publishes its key with the name of the algorithm as `kid`.
pub(crate) static ISSUER: LazyLock<Vec<Signer>> = LazyLock::new(signers);
/// The signers of an attacker: the same `kid`s, but their keys are not published.
pub(crate) static FORGER: LazyLock<Vec<Signer>> = LazyLock::new(signers);

pub(crate) struct Signer {
    pub(crate) alg: &'static str,
    key: obo_test_support::Signer,
}

fn signers() -> Vec<Signer> {
    use obo_test_support::Signer as Key;
    let keys = [
        ("EdDSA", Key::ed25519("EdDSA")),
        ("ES256", Key::p256("ES256")),
        ("ES384", Key::p384("ES384")),
        ("RS256", Key::rsa("RS256")),
        ("PS256", Key::rsa("PS256")),
    ];
    keys.map(|(alg, key)| Signer { alg, key }).into()
}

impl Signer {
    /// Signs any two byte strings in the compact form.
    pub(crate) fn seal(&self, header: &[u8], payload: &[u8]) -> String {
        self.key.compact(self.alg, header, payload)
    }

    /// A token with these claims.
    pub(crate) fn mint(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.alg, "typ": "at+jwt", "kid": kid });
        self.seal(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// The public key with this `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = self.key();
        jwk["kid"] = kid.into();
        jwk["alg"] = self.alg.into();
        jwk
    }

    /// The public key without a `kid`.
    pub(crate) fn key(&self) -> Value {
        serde_json::from_str(&format!("{{{}}}", self.key.key_members())).unwrap()
    }
}
