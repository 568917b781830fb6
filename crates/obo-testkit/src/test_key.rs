use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{AlgorithmFamily, EncodingKey};
use pem::{EncodeConfig, LineEnding, Pem};
use serde_json::{Value, json};

use crate::alg::TestAlg;
use crate::lock::Lock;
use crate::thumbprint::thumbprint;

/// A private key and the algorithm it signs with.
///
/// The server generates its own keys. Generate one yourself for a client that uses
/// `private_key_jwt`, or to forge a token with a key that the server has never published.
#[derive(Clone)]
pub struct TestKey {
    alg: TestAlg,
    pair: Arc<Pair>,
}

struct Pair {
    /// PKCS#8.
    private: Vec<u8>,
    /// SubjectPublicKeyInfo.
    public: Vec<u8>,
}

/// RSA keys are slow to generate, so a process generates few and shares them out.
///
/// Two servers never hold the same key at the same time: a test that lets one sign in the other's
/// name would pass for the wrong reason.
static RSA: Lock<Vec<Arc<Pair>>> = Lock::new(Vec::new());

impl TestKey {
    /// Generates a key: 2048 bits for RSA, the algorithm's curve otherwise.
    ///
    /// No two keys that exist in the process at the same time are equal.
    pub fn generate(alg: TestAlg) -> Self {
        let pair = match alg {
            TestAlg::Es256 => Pair::ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            TestAlg::Es384 => Pair::ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            TestAlg::EdDsa => {
                let pair = Ed25519KeyPair::generate().expect("Ed25519 key generation");
                Pair::new(
                    pair.to_pkcs8v1().expect("PKCS#8").as_ref(),
                    pair.public_key(),
                )
            }
            _ => Pair::idle_rsa(),
        };
        Self { alg, pair }
    }

    /// The algorithm this key signs with.
    pub fn alg(&self) -> TestAlg {
        self.alg
    }

    /// The public key as a JWK (RFC 7517) with `kid`, `alg` and `use`.
    pub fn public_jwk(&self, kid: &str) -> Value {
        let base64url = |octets: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(octets);
        let (utils, key) = (&DEFAULT_PROVIDER.key_utils, self.encoding_key());
        let private = key.as_bytes();
        let mut jwk = match key.family() {
            AlgorithmFamily::Rsa => {
                let parts = (utils.rsa_pub_components_from_private_key)(private);
                let (n, e) = parts.expect("an RSA key");
                json!({ "kty": "RSA", "n": base64url(&n), "e": base64url(&e) })
            }
            AlgorithmFamily::Ec => {
                let parts = (utils.ec_pub_components_from_private_key)(private, self.alg.jws());
                let (crv, x, y) = parts.expect("an EC key");
                json!({ "kty": "EC", "crv": crv, "x": base64url(&x), "y": base64url(&y) })
            }
            _ => {
                let crv = EllipticCurve::Ed25519;
                let x = (utils.ed_pub_components_from_private_key)(private, &crv);
                json!({ "kty": "OKP", "crv": crv, "x": base64url(&x.expect("an Ed25519 key")) })
            }
        };
        jwk["kid"] = kid.into();
        jwk["alg"] = self.alg.as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The thumbprint of the public key (RFC 7638), the `jkt` of a token that is bound to it.
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.public_jwk("")).expect("an EC, RSA or OKP key")
    }

    /// The private key as a JWK (RFC 7517) with `kid`, `alg` and `use`.
    pub fn private_jwk(&self, kid: &str) -> Value {
        let mut jwk = self.public_jwk(kid);
        let key = private_key(&self.pair.private);
        let mut set =
            |name: &str, value: &[u8]| jwk[name] = BASE64_URL_SAFE_NO_PAD.encode(value).into();
        match self.alg.jws().family() {
            // RFC 8017 `RSAPrivateKey`; DER puts a zero before a number whose first bit is set.
            AlgorithmFamily::Rsa => ["version", "n", "e", "d", "p", "q", "dp", "dq", "qi"]
                .into_iter()
                .zip(der_values(der_value(key).0))
                .skip(3)
                .for_each(|(name, value)| set(name, value.strip_prefix(&[0]).unwrap_or(value))),
            // RFC 5915 `ECPrivateKey`: the version, then the scalar.
            AlgorithmFamily::Ec => set("d", der_values(der_value(key).0).nth(1).expect("a scalar")),
            _ => set("d", der_value(key).0),
        }
        jwk
    }

    /// The private key as PKCS#8 in PEM, for a client that signs assertions with it.
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pair.private)
    }

    /// The public key as SubjectPublicKeyInfo in PEM, for
    /// [`TestClient::public_key_pem`](crate::TestClient::public_key_pem).
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.pair.public)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.alg.jws(), &self.encoding_key());
        signer.expect("a key of the algorithm").sign(message)
    }

    fn encoding_key(&self) -> EncodingKey {
        let private = &self.pair.private;
        match self.alg.jws().family() {
            AlgorithmFamily::Rsa => EncodingKey::from_rsa_der(private_key(private)),
            AlgorithmFamily::Ec => EncodingKey::from_ec_der(private),
            _ => EncodingKey::from_ed_der(private),
        }
    }
}

impl fmt::Debug for TestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestKey").field(&self.alg).finish()
    }
}

impl Pair {
    fn idle_rsa() -> Arc<Self> {
        // Under the lock, so that no two callers find the same key idle.
        let mut keys = RSA.lock();
        if let Some(idle) = keys.iter().find(|key| Arc::strong_count(key) == 1) {
            return Arc::clone(idle);
        }
        let pair = rsa::KeyPair::generate(KeySize::Rsa2048).expect("RSA key generation");
        let pair = Self::new(pair.as_der().expect("PKCS#8").as_ref(), pair.public_key());
        keys.push(Arc::clone(&pair));
        pair
    }

    fn ec(alg: &'static EcdsaSigningAlgorithm) -> Arc<Self> {
        let pair = EcdsaKeyPair::generate(alg).expect("EC key generation");
        Self::new(
            pair.to_pkcs8v1().expect("PKCS#8").as_ref(),
            pair.public_key(),
        )
    }

    fn new(private: &[u8], public: &impl AsDer<PublicKeyX509Der<'static>>) -> Arc<Self> {
        let public = public.as_der().expect("SubjectPublicKeyInfo");
        Arc::new(Self {
            private: private.to_vec(),
            public: public.as_ref().to_vec(),
        })
    }
}

/// The key inside PKCS#8 (RFC 5208): version and algorithm come before it.
fn private_key(pkcs8: &[u8]) -> &[u8] {
    let mut values = der_values(der_value(pkcs8).0);
    values.nth(2).expect("a private key in PKCS#8")
}

/// The contents of DER values that follow each other.
fn der_values(mut der: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let value;
        (value, der) = (!der.is_empty()).then(|| der_value(der))?;
        Some(value)
    })
}

/// The content of the first DER value, and what follows it.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, len) = match usize::from(der[1]) {
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        0x81 => (3, usize::from(der[2])),
        short => (2, short),
    };
    der[start..].split_at(len)
}

fn pem(label: &str, der: &[u8]) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(label, der), config)
}
