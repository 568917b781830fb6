//! Keys that are made at start, and what is signed with them: with nothing of the code under test.

use std::sync::LazyLock;

pub(crate) use obo_test_support::base64url as b64;
use serde_json::{Value, json};

/// One per kind of key and signature; the issuer publishes them under the name of their algorithm.
pub(crate) static ISSUER: LazyLock<Vec<Signer>> = LazyLock::new(signers);
/// Others, under the same names, which nobody publishes.
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
    /// The compact form of these bytes, whatever they are, signed.
    pub(crate) fn seal(&self, header: &[u8], payload: &[u8]) -> String {
        self.key.compact(self.alg, header, payload)
    }

    /// A token of these claims.
    pub(crate) fn mint(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.alg, "typ": "at+jwt", "kid": kid });
        self.seal(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// The public key, published as `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = self.key();
        jwk["kid"] = kid.into();
        jwk["alg"] = self.alg.into();
        jwk
    }

    /// The public key, without a name.
    pub(crate) fn key(&self) -> Value {
        serde_json::from_str(&format!("{{{}}}", self.key.key_members())).unwrap()
    }
}
