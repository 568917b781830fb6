//! The server's signing keys, and the JWK Set that it publishes.

use serde_json::{Value, json};

use crate::alg::TestAlg;
use crate::jwt::Jwt;
use crate::public_key::PublicKey;
use crate::random;
use crate::test_key::TestKey;

#[derive(Default)]
pub(crate) struct KeySet {
    keys: Vec<ServerKey>,
    /// Further entries of the published set.
    pub(crate) extra: Vec<Value>,
    /// Replaces the whole published set.
    pub(crate) replacement: Option<String>,
}

#[derive(Clone)]
pub(crate) struct ServerKey {
    pub(crate) kid: String,
    pub(crate) key: TestKey,
    published: bool,
}

impl KeySet {
    /// One RSA, one EC and one Ed25519 key, and one for `default` if that is another algorithm.
    pub(crate) fn new(default: TestAlg) -> Self {
        let mut keys = Self::default();
        for alg in [TestAlg::Rs256, TestAlg::Es256, TestAlg::EdDsa, default] {
            keys.current(alg);
        }
        keys
    }

    /// The newest key of this algorithm, generated and published if it is missing.
    pub(crate) fn current(&mut self, alg: TestAlg) -> ServerKey {
        match self.keys.iter().rev().find(|key| key.key.alg() == alg) {
            Some(key) => key.clone(),
            None => self.add(alg),
        }
    }

    pub(crate) fn add(&mut self, alg: TestAlg) -> ServerKey {
        let name = alg.as_str().to_ascii_lowercase();
        let key = ServerKey {
            kid: format!("{name}-{}", random::text::<6>()),
            key: TestKey::generate(alg),
            published: true,
        };
        self.keys.push(key.clone());
        key
    }

    /// Removes the keys from the published set whose `kid` is `withdrawn`.
    pub(crate) fn withdraw(&mut self, withdrawn: impl Fn(Option<&str>) -> bool) {
        for key in &mut self.keys {
            key.published &= !withdrawn(Some(&key.kid));
        }
        let kid = |jwk: &Value| withdrawn(jwk.get("kid").and_then(Value::as_str));
        self.extra.retain(|jwk| !kid(jwk));
    }

    pub(crate) fn body(&self) -> String {
        let published = self.keys.iter().filter(|key| key.published);
        let jwks = published.map(|key| key.key.public_jwk(&key.kid));
        let jwks: Vec<_> = jwks.chain(self.extra.iter().cloned()).collect();
        let body = || json!({ "keys": jwks }).to_string();
        self.replacement.clone().unwrap_or_else(body)
    }

    /// Whether one of our keys signed this token, published or not: the server still knows what it
    /// has issued.
    pub(crate) fn signed(&self, jwt: &Jwt<'_>) -> bool {
        let named = |key: &&ServerKey| jwt.kid().is_none_or(|kid| kid == key.kid);
        self.keys.iter().filter(named).any(|key| {
            let public = PublicKey::from_jwk(&key.key.public_jwk(&key.kid));
            jwt.is_signed_by(&public.expect("our own JWK"))
        })
    }
}
