//! Public keys as clients register them and as the server checks its own tokens with.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::alg::TestAlg;

#[derive(Clone)]
pub(crate) struct PublicKey {
    kid: Option<String>,
    /// The one algorithm a JWK names, if it names one.
    alg: Option<TestAlg>,
    /// SubjectPublicKeyInfo, RSAPublicKey, SEC 1 point or raw Ed25519 key: aws-lc-rs takes them all,
    /// and refuses one that is not of the algorithm's type.
    bytes: Vec<u8>,
}

impl PublicKey {
    /// Reads a PEM `PUBLIC KEY`.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?;
        let body: String = body
            .strip_suffix("-----END PUBLIC KEY-----")?
            .split_whitespace()
            .collect();
        Some(Self {
            kid: None,
            alg: None,
            bytes: STANDARD.decode(body).ok()?,
        })
    }

    /// Reads a public JWK of type RSA, EC (P-256, P-384) or OKP (Ed25519).
    pub(crate) fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let octets = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let bytes = match (text("kty")?, text("crv")) {
            ("RSA", _) => rsa_public_key(&octets("n")?, &octets("e")?),
            ("EC", Some("P-256" | "P-384")) => [vec![4], octets("x")?, octets("y")?].concat(),
            ("OKP", Some("Ed25519")) => octets("x")?,
            _ => return None,
        };
        let alg = match text("alg") {
            Some(name) => Some(TestAlg::parse(name)?),
            None => None,
        };
        Some(Self {
            kid: text("kid").map(str::to_owned),
            alg,
            bytes,
        })
    }

    /// Whether a header with this `kid` may mean this key.
    pub(crate) fn answers_to(&self, kid: Option<&str>) -> bool {
        match (kid, &self.kid) {
            (Some(asked), Some(own)) => asked == own,
            _ => true,
        }
    }

    pub(crate) fn verify(&self, alg: TestAlg, message: &[u8], signature: &[u8]) -> bool {
        self.alg.is_none_or(|own| own == alg)
            && UnparsedPublicKey::new(verification(alg), &self.bytes)
                .verify(message, signature)
                .is_ok()
    }
}

fn verification(alg: TestAlg) -> &'static dyn VerificationAlgorithm {
    match alg {
        TestAlg::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        TestAlg::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        TestAlg::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        TestAlg::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        TestAlg::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        TestAlg::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        TestAlg::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
        TestAlg::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        TestAlg::EdDsa => &signature::ED25519,
    }
}

/// An RFC 8017 `RSAPublicKey`: a DER sequence of two positive integers.
fn rsa_public_key(n: &[u8], e: &[u8]) -> Vec<u8> {
    let integer = |value: &[u8]| der(2, &[&[0], value].concat());
    let positive = |value: &[u8]| match value.first() {
        Some(first) if *first < 0x80 => der(2, value),
        _ => integer(value),
    };
    der(0x30, &[positive(n), positive(e)].concat())
}

fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len())
        .expect("a key under 64 KiB")
        .to_be_bytes();
    let header = match len {
        [0, short] if short < 0x80 => vec![tag, short],
        [0, one] => vec![tag, 0x81, one],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [header, value.to_vec()].concat()
}
