//! Signs with nothing of the crate under test, so that a bug in its encoder cannot cancel itself out.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The keys the issuer publishes, each under its own `kid`.
pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("rsa"));
pub(crate) static P256: LazyLock<Signer> = LazyLock::new(|| Signer::p256("p256"));
pub(crate) static P384: LazyLock<Signer> = LazyLock::new(|| Signer::p384("p384"));
pub(crate) static ED25519: LazyLock<Signer> = LazyLock::new(|| Signer::ed25519("ed25519"));
/// Keys that nobody publishes, under names that somebody does.
pub(crate) static FORGER: LazyLock<Signer> = LazyLock::new(|| Signer::p256("p256"));

pub(crate) struct Signer {
    kid: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn rsa(kid: &'static str) -> Self {
        let pair = Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        Self { kid, pair }
    }

    pub(crate) fn p256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pair = Pair::Ec(pair, "P-256");
        Self { kid, pair }
    }

    pub(crate) fn p384(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let pair = Pair::Ec(pair, "P-384");
        Self { kid, pair }
    }

    pub(crate) fn ed25519(kid: &'static str) -> Self {
        let pair = Pair::Ed25519(Ed25519KeyPair::generate().unwrap());
        Self { kid, pair }
    }

    pub(crate) fn kid(&self) -> &'static str {
        self.kid
    }

    /// The algorithms this key can sign with, by their names.
    pub(crate) fn algorithms(&self) -> &'static [&'static str] {
        match self.pair {
            Pair::Rsa(_) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            Pair::Ec(_, "P-256") => &["ES256"],
            Pair::Ec(..) => &["ES384"],
            Pair::Ed25519(_) => &["EdDSA", "Ed25519"],
        }
    }

    /// Signs; `alg` chooses among the ways of an RSA key and is ignored by the others.
    pub(crate) fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match alg {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The private key as PKCS#8 in PEM, of an elliptic curve key.
    pub(crate) fn private_pem(&self) -> String {
        let Pair::Ec(pair, _) = &self.pair else {
            panic!("not an elliptic curve key");
        };
        let der = STANDARD.encode(pair.to_pkcs8v1().unwrap());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    }

    /// The members of the public JWK that are the key itself.
    pub(crate) fn key_members(&self) -> String {
        match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_components(pair.public_key().as_ref());
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, b64(n), b64(e))
            }
            Pair::Ec(pair, crv) => {
                let (x, y) = halves(pair.public_key().as_ref());
                format!(
                    r#""kty":"EC","crv":"{crv}","x":"{}","y":"{}""#,
                    b64(x),
                    b64(y)
                )
            }
            Pair::Ed25519(pair) => {
                let x = b64(pair.public_key().as_ref());
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#)
            }
        }
    }

    /// The public key as its own type wants it raw: what a confused verifier would take as an HMAC secret.
    pub(crate) fn public_bytes(&self) -> &[u8] {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ec(pair, _) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// The public JWK with its `kid` and further members.
    pub(crate) fn jwk(&self, more: &str) -> String {
        let comma = if more.is_empty() { "" } else { "," };
        format!(
            r#"{{{},"kid":"{}"{comma}{more}}}"#,
            self.key_members(),
            self.kid
        )
    }
}

/// The two coordinates of an uncompressed point.
fn halves(point: &[u8]) -> (&[u8], &[u8]) {
    point[1..].split_at(point.len() / 2)
}

/// Modulus and exponent of an RFC 8017 `RSAPublicKey`: a DER sequence of two integers.
fn rsa_components(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    (modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent)
}

fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, len) = match usize::from(der[1]) {
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        0x81 => (3, usize::from(der[2])),
        short => (2, short),
    };
    der[start..].split_at(len)
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
