//! Valid and invalid signatures over any text.

use obo_testkit::{TestAlg, TestKey};
use serde_json::Value;

pub(crate) use obo_test_support::{base64url, der_of_pem as der};

/// A key of an issuer or an attacker, which also signs with algorithms that it is not for.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pub(crate) alg: &'static str,
    key: TestKey,
    signer: obo_test_support::Signer,
}

impl Signer {
    fn new(kid: &'static str, alg: TestAlg) -> Self {
        let key = TestKey::generate(alg);
        let alg = alg.as_str();
        Self {
            kid,
            alg,
            signer: obo_test_support::Signer::of_pem(kid, alg, &key.private_pem()),
            key,
        }
    }

    /// Signs with the algorithm of that name if the key can, and with its own otherwise.
    pub(crate) fn sign(&self, alg: &str, message: &str) -> Vec<u8> {
        self.signer.sign(alg, message.as_bytes())
    }

    /// The key without its `kid`.
    pub(crate) fn raw(&self) -> &obo_test_support::Signer {
        &self.signer
    }

    pub(crate) fn jwk(&self) -> Value {
        self.jwk_as(self.kid)
    }

    pub(crate) fn jwk_as(&self, kid: &str) -> Value {
        self.key.public_jwk(kid)
    }

    pub(crate) fn private_jwk_as(&self, kid: &str) -> Value {
        self.key.private_jwk(kid)
    }

    pub(crate) fn public_pem(&self) -> String {
        self.key.public_pem()
    }

    /// A member of the JWK.
    pub(crate) fn member(&self, name: &str) -> String {
        self.jwk()[name].as_str().unwrap().to_owned()
    }
}

/// One key of each type.
pub(crate) struct Keys {
    pub(crate) rsa: Signer,
    pub(crate) es: Signer,
    pub(crate) es384: Signer,
    pub(crate) ed: Signer,
}

impl Keys {
    /// The names are the same for every issuer and for the attacker.
    pub(crate) fn generate() -> Self {
        Self {
            rsa: Signer::new("k-rsa", TestAlg::Rs256),
            es: Signer::new("k-es", TestAlg::Es256),
            es384: Signer::new("k-384", TestAlg::Es384),
            ed: Signer::new("k-ed", TestAlg::EdDsa),
        }
    }

    pub(crate) fn all(&self) -> [&Signer; 4] {
        [&self.rsa, &self.es, &self.es384, &self.ed]
    }
}

pub(crate) fn mac(alg: &str, secret: &[u8], message: &str) -> Vec<u8> {
    obo_test_support::mac(alg, secret, message.as_bytes())
}
