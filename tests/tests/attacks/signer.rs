//! Signatures, right and wrong ones, over any text.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obo_testkit::{TestAlg, TestKey};
use serde_json::Value;

/// A key, and what is needed to sign with it against its purpose.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pub(crate) alg: &'static str,
    key: TestKey,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn new(kid: &'static str, alg: TestAlg) -> Self {
        let key = TestKey::generate(alg);
        let pkcs8 = der(&key.private_pem());
        let ec = |curve| Pair::Ec(EcdsaKeyPair::from_pkcs8(curve, &pkcs8).unwrap());
        let pair = match alg {
            TestAlg::Es256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            TestAlg::Es384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            TestAlg::EdDsa => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap()),
            _ => Pair::Rsa(RsaKeyPair::from_pkcs8(&pkcs8).unwrap()),
        };
        let alg = alg.as_str();
        Self {
            kid,
            alg,
            key,
            pair,
        }
    }

    /// Signs by the algorithm of that name where the key can, and else by its own.
    pub(crate) fn sign(&self, alg: &str, message: &str) -> Vec<u8> {
        let (random, message) = (SystemRandom::new(), message.as_bytes());
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding(alg), &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
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

fn encoding(alg: &str) -> &'static dyn RsaEncoding {
    match alg {
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

/// One key of each kind.
pub(crate) struct Keys {
    pub(crate) rsa: Signer,
    pub(crate) es: Signer,
    pub(crate) es384: Signer,
    pub(crate) ed: Signer,
}

impl Keys {
    /// The names are the same at every issuer, and of an attacker.
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
    let algorithm = match alg {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let key = hmac::Key::new(algorithm, secret);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

/// What a PEM file holds.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(base64).unwrap()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
