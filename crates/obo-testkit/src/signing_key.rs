use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsBigEndian, AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::alg::TestAlg;
use crate::rsa_lease::RsaLease;

/// A private key and the algorithm it signs with.
///
/// The server makes its own; make one yourself for a client that uses `private_key_jwt`, or to
/// forge a token with a key the server has never published.
#[derive(Clone)]
pub struct TestKey {
    alg: TestAlg,
    pair: Arc<Pair>,
}

enum Pair {
    Rsa(RsaLease),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl TestKey {
    /// Makes a new key: 2048 bits for RSA, the algorithm's curve otherwise.
    ///
    /// No other key alive in this process is equal to it.
    pub fn generate(alg: TestAlg) -> Self {
        let pair = match alg {
            TestAlg::Es256 => Pair::Ec(ec(&ECDSA_P256_SHA256_FIXED_SIGNING)),
            TestAlg::Es384 => Pair::Ec(ec(&ECDSA_P384_SHA384_FIXED_SIGNING)),
            TestAlg::EdDsa => {
                Pair::Ed25519(Ed25519KeyPair::generate().expect("Ed25519 key generation"))
            }
            _ => Pair::Rsa(RsaLease::take()),
        };
        Self {
            alg,
            pair: Arc::new(pair),
        }
    }

    /// The algorithm this key signs with.
    pub fn alg(&self) -> TestAlg {
        self.alg
    }

    /// The public half as a JWK (RFC 7517) with `kid`, `alg` and `use`.
    pub fn public_jwk(&self, kid: &str) -> Value {
        let mut jwk = match &*self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_components(pair.public_key().as_ref());
                json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
            }
            Pair::Ec(pair) => {
                // SEC 1 uncompressed point: 0x04, x, y.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if self.alg == TestAlg::Es256 {
                    "P-256"
                } else {
                    "P-384"
                };
                json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) })
            }
        };
        jwk["kid"] = kid.into();
        jwk["alg"] = self.alg.as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The private key as a JWK (RFC 7517) with `kid` and `alg`.
    pub fn private_jwk(&self, kid: &str) -> Value {
        let mut jwk = self.public_jwk(kid);
        match &*self.pair {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8 encoding");
                for (name, value) in rsa_private_members(der.as_ref()) {
                    jwk[name] = base64url(value).into();
                }
            }
            Pair::Ec(pair) => {
                let scalar = pair.private_key().as_be_bytes().expect("the scalar");
                jwk["d"] = base64url(scalar.as_ref()).into();
            }
            Pair::Ed25519(pair) => {
                let seed = pair
                    .seed()
                    .expect("the seed")
                    .as_be_bytes()
                    .expect("its bytes");
                jwk["d"] = base64url(seed.as_ref()).into();
            }
        }
        jwk
    }

    /// The private key as PKCS#8 in PEM, for a client that signs assertions with it.
    pub fn private_pem(&self) -> String {
        let der = match &*self.pair {
            Pair::Rsa(pair) => pair.as_der().expect("PKCS#8 encoding").as_ref().to_vec(),
            Pair::Ec(pair) => pair
                .to_pkcs8v1()
                .expect("PKCS#8 encoding")
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair
                .to_pkcs8v1()
                .expect("PKCS#8 encoding")
                .as_ref()
                .to_vec(),
        };
        pem("PRIVATE KEY", &der)
    }

    /// The public key as SubjectPublicKeyInfo in PEM, for [`TestClient::public_key_pem`](crate::TestClient::public_key_pem).
    pub fn public_pem(&self) -> String {
        let der = match &*self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ec(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        };
        pem(
            "PUBLIC KEY",
            der.expect("SubjectPublicKeyInfo encoding").as_ref(),
        )
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(self.alg), &random, message, &mut signature)
                    .expect("RSA signature");
                signature
            }
            Pair::Ec(pair) => pair
                .sign(&random, message)
                .expect("ECDSA signature")
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for TestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestKey")
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}

fn ec(alg: &'static signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    EcdsaKeyPair::generate(alg).expect("EC key generation")
}

fn rsa_encoding(alg: TestAlg) -> &'static dyn RsaEncoding {
    match alg {
        TestAlg::Rs256 => &signature::RSA_PKCS1_SHA256,
        TestAlg::Rs384 => &signature::RSA_PKCS1_SHA384,
        TestAlg::Rs512 => &signature::RSA_PKCS1_SHA512,
        TestAlg::Ps256 => &signature::RSA_PSS_SHA256,
        TestAlg::Ps384 => &signature::RSA_PSS_SHA384,
        TestAlg::Ps512 => &signature::RSA_PSS_SHA512,
        TestAlg::Es256 | TestAlg::Es384 | TestAlg::EdDsa => {
            panic!("{} is not an RSA algorithm", alg.as_str())
        }
    }
}

/// Modulus and exponent of an RFC 8017 `RSAPublicKey`: a DER sequence of two integers.
fn rsa_components(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    // DER puts a zero in front of an integer whose first bit is set; a JWK must not have it.
    (modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent)
}

/// The private members of an RFC 8017 `RSAPrivateKey` in PKCS#8.
fn rsa_private_members(pkcs8: &[u8]) -> impl Iterator<Item = (&'static str, &[u8])> {
    let (sequence, _) = der_value(pkcs8);
    let (_version, rest) = der_value(sequence);
    let (_algorithm, rest) = der_value(rest);
    let (private_key, _) = der_value(rest);
    let (mut rest, _) = der_value(private_key);
    ["version", "n", "e", "d", "p", "q", "dp", "dq", "qi"]
        .into_iter()
        .map(move |name| {
            let (value, others) = der_value(rest);
            rest = others;
            (name, value.strip_prefix(&[0]).unwrap_or(value))
        })
        .skip(3)
}

fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let short = usize::from(der[1]);
    let (start, len) = match short.checked_sub(0x80) {
        None => (2, short),
        Some(octets) => (
            2 + octets,
            der[2..2 + octets]
                .iter()
                .fold(0, |len, octet| (len << 8) | usize::from(*octet)),
        ),
    };
    der[start..].split_at(len)
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
