use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// A key that signs any text, also with an algorithm that a token does not name.
///
/// It shares no code with the product or the testkit, on purpose.
pub struct Signer {
    kid: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Generates an RSA key of 2,048 bits.
    pub fn rsa(kid: &'static str) -> Self {
        let pair = Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        Self { kid, pair }
    }

    /// Generates a key on P-256.
    pub fn p256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pair = Pair::Ec(pair, "P-256");
        Self { kid, pair }
    }

    /// Generates a key on P-384.
    pub fn p384(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let pair = Pair::Ec(pair, "P-384");
        Self { kid, pair }
    }

    /// Generates an Ed25519 key.
    pub fn ed25519(kid: &'static str) -> Self {
        let pair = Pair::Ed25519(Ed25519KeyPair::generate().unwrap());
        Self { kid, pair }
    }

    /// Reads a private key from PEM (PKCS#8), for signatures with this algorithm.
    pub fn of_pem(kid: &'static str, alg: &str, pem: &str) -> Self {
        let der = der_of_pem(pem);
        let ec = |curve, name| Pair::Ec(EcdsaKeyPair::from_pkcs8(curve, &der).unwrap(), name);
        let pair = match alg {
            "ES256" => ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            "ES384" => ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            "EdDSA" => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(&der).unwrap()),
            _ => Pair::Rsa(RsaKeyPair::from_pkcs8(&der).unwrap()),
        };
        Self { kid, pair }
    }

    /// The key's `kid`.
    pub fn kid(&self) -> &'static str {
        self.kid
    }

    /// The names of the algorithms that this key can sign with.
    pub fn algorithms(&self) -> &'static [&'static str] {
        match self.pair {
            Pair::Rsa(_) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            Pair::Ec(_, "P-256") => &["ES256"],
            Pair::Ec(..) => &["ES384"],
            Pair::Ed25519(_) => &["EdDSA", "Ed25519"],
        }
    }

    /// Signs. `alg` selects the algorithm of an RSA key; other keys ignore it.
    pub fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding(alg), &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// Signs any two texts and returns the compact form.
    pub fn compact(&self, alg: &str, header: &[u8], payload: &[u8]) -> String {
        self.compact_of_segments(alg, &base64url(header), &base64url(payload))
    }

    /// Signs two segments as they are and returns the compact form.
    pub fn compact_of_segments(&self, alg: &str, header: &str, payload: &str) -> String {
        let message = format!("{header}.{payload}");
        let signature = base64url(self.sign(alg, message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// The private key as PKCS#8 in PEM.
    pub fn private_pem(&self) -> String {
        let der = match &self.pair {
            Pair::Rsa(pair) => STANDARD.encode(pair.as_der().unwrap().as_ref()),
            Pair::Ec(pair, _) => STANDARD.encode(pair.to_pkcs8v1().unwrap()),
            Pair::Ed25519(pair) => STANDARD.encode(pair.to_pkcs8v1().unwrap()),
        };
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    }

    /// The members of the public JWK that hold the key, as JSON text.
    pub fn key_members(&self) -> String {
        match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_components(pair.public_key().as_ref());
                let (n, e) = (base64url(n), base64url(e));
                format!(r#""kty":"RSA","n":"{n}","e":"{e}""#)
            }
            Pair::Ec(pair, crv) => {
                // The two coordinates of an uncompressed point.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let (x, y) = (base64url(x), base64url(y));
                format!(r#""kty":"EC","crv":"{crv}","x":"{x}","y":"{y}""#)
            }
            Pair::Ed25519(pair) => {
                let x = base64url(pair.public_key().as_ref());
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#)
            }
        }
    }

    /// The raw public key, which a confused verifier could use as an HMAC secret.
    pub fn public_bytes(&self) -> &[u8] {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Ec(pair, _) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// The public JWK with its `kid` and further members, as JSON text.
    pub fn jwk(&self, more: &str) -> String {
        let comma = if more.is_empty() { "" } else { "," };
        format!(
            r#"{{{},"kid":"{}"{comma}{more}}}"#,
            self.key_members(),
            self.kid
        )
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?})", self.kid)
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

/// An HMAC with the algorithm of that name.
pub fn mac(alg: &str, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let algorithm = match alg {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let key = hmac::Key::new(algorithm, secret);
    hmac::sign(&key, message).as_ref().to_vec()
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

/// The content of a PEM file.
pub fn der_of_pem(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(base64).unwrap()
}

/// The base64url form without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
