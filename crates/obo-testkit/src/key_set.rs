//! The server's signing keys: published, withdrawn, and what else the JWK Set shows.

use serde_json::{Value, json};

use crate::alg::TestAlg;
use crate::jwt::Jwt;
use crate::public_key::PublicKey;
use crate::random;
use crate::signing_key::TestKey;

pub(crate) struct KeySet {
    keys: Vec<ServerKey>,
    extra: Vec<Value>,
    /// Replaces the whole body when set.
    body: Option<String>,
}

#[derive(Clone)]
pub(crate) struct ServerKey {
    pub(crate) kid: String,
    pub(crate) key: TestKey,
    published: bool,
}

impl KeySet {
    /// One RSA, one EC and one Ed25519 key, and one for `default` if that is none of them.
    pub(crate) fn new(default: TestAlg) -> Self {
        let mut keys = Self {
            keys: Vec::new(),
            extra: Vec::new(),
            body: None,
        };
        for alg in [TestAlg::Rs256, TestAlg::Es256, TestAlg::EdDsa, default] {
            keys.current(alg);
        }
        keys
    }

    /// The newest key of this algorithm, made and published if there is none.
    pub(crate) fn current(&mut self, alg: TestAlg) -> ServerKey {
        match self.keys.iter().rev().find(|key| key.key.alg() == alg) {
            Some(key) => key.clone(),
            None => self.add(alg),
        }
    }

    pub(crate) fn add(&mut self, alg: TestAlg) -> ServerKey {
        let kid = format!(
            "{}-{}",
            alg.as_str().to_ascii_lowercase(),
            random::text::<6>()
        );
        let key = ServerKey {
            kid,
            key: TestKey::generate(alg),
            published: true,
        };
        self.keys.push(key.clone());
        key
    }

    pub(crate) fn withdraw(&mut self, kid: &str) {
        self.keys
            .iter_mut()
            .filter(|key| key.kid == kid)
            .for_each(|key| key.published = false);
        self.extra
            .retain(|jwk| jwk.get("kid").and_then(Value::as_str) != Some(kid));
    }

    pub(crate) fn withdraw_all(&mut self) {
        self.keys.iter_mut().for_each(|key| key.published = false);
        self.extra.clear();
    }

    pub(crate) fn publish_extra(&mut self, jwk: Value) {
        self.extra.push(jwk);
    }

    pub(crate) fn replace_body(&mut self, body: Option<String>) {
        self.body = body;
    }

    pub(crate) fn body(&self) -> String {
        let published = self.keys.iter().filter(|key| key.published);
        let jwks: Vec<_> = published
            .map(|key| key.key.public_jwk(&key.kid))
            .chain(self.extra.iter().cloned())
            .collect();
        self.body
            .clone()
            .unwrap_or_else(|| json!({ "keys": jwks }).to_string())
    }

    /// Whether one of our keys, published or withdrawn, signed this token: withdrawing a key hides it
    /// from others, the server still knows what it has issued.
    pub(crate) fn signed(&self, jwt: &Jwt<'_>) -> bool {
        self.keys
            .iter()
            .filter(|key| jwt.kid().is_none_or(|kid| kid == key.kid))
            .any(|key| {
                let public =
                    PublicKey::from_jwk(&key.key.public_jwk(&key.kid)).expect("our own JWK");
                jwt.is_signed_by(&public)
            })
    }
}
