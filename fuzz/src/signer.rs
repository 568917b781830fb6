//! Keys that are made at start, and what is signed with them: with nothing of the code under test.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// One per kind of key and signature; the issuer publishes them under the name of their algorithm.
pub(crate) static ISSUER: LazyLock<Vec<Signer>> = LazyLock::new(signers);
/// Others, under the same names, which nobody publishes.
pub(crate) static FORGER: LazyLock<Vec<Signer>> = LazyLock::new(signers);

pub(crate) struct Signer {
    pub(crate) alg: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

fn signers() -> Vec<Signer> {
    let rsa = || RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let pairs = [
        ("EdDSA", Pair::Ed25519(Ed25519KeyPair::generate().unwrap())),
        (
            "ES256",
            Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
        ),
        (
            "ES384",
            Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
        ),
        ("RS256", Pair::Rsa(rsa(), &RSA_PKCS1_SHA256)),
        ("PS256", Pair::Rsa(rsa(), &RSA_PSS_SHA256)),
    ];
    pairs.map(|(alg, pair)| Signer { alg, pair }).into()
}

impl Signer {
    /// The compact form of these bytes, whatever they are, signed.
    pub(crate) fn seal(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", b64(header), b64(payload));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, input.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair) => {
                let signature = pair.sign(&random, input.as_bytes()).unwrap();
                signature.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(input.as_bytes()).as_ref().to_vec(),
        };
        format!("{input}.{}", b64(&signature))
    }

    /// A token of these claims.
    pub(crate) fn mint(&self, kid: &str, claims: &serde_json::Value) -> String {
        let alg = self.alg;
        let header = serde_json::json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
        self.seal(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// The public key, published as `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> serde_json::Value {
        let mut jwk = self.key();
        jwk["kid"] = kid.into();
        jwk["alg"] = self.alg.into();
        jwk
    }

    /// The public key, without a name.
    pub(crate) fn key(&self) -> serde_json::Value {
        match &self.pair {
            Pair::Rsa(pair, _) => {
                let (n, e) = rsa_components(pair.public_key().as_ref());
                serde_json::json!({ "kty": "RSA", "n": b64(n), "e": b64(e) })
            }
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = match self.alg {
                    "ES256" => "P-256",
                    _ => "P-384",
                };
                serde_json::json!({ "kty": "EC", "crv": crv, "x": b64(x), "y": b64(y) })
            }
            Pair::Ed25519(pair) => {
                let x = b64(pair.public_key().as_ref());
                serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        }
    }
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

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
