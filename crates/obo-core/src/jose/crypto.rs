//! The only module that names the cryptography crates: algorithms, keys parsed once, digests,
//! sealing.

mod private_key;
mod sealing;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};

pub(crate) use private_key::PrivateKey;
pub(crate) use sealing::{SealingKey, TAG, derived};

/// A signature algorithm that this crate verifies (RFC 7518, RFC 8037): asymmetric algorithms only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519, also named `EdDSA` (RFC 9864 section 2.2).
    Ed25519,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Ed25519,
    ];

    /// The algorithm with this `alg` value. Names are case-sensitive (RFC 7515 section 4.1.1).
    pub fn from_name(alg: &str) -> Option<Self> {
        match alg {
            "Ed25519" => Some(Self::Ed25519),
            alg => Self::ALL.into_iter().find(|known| known.name() == alg),
        }
    }

    /// The `alg` value of this algorithm.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ed25519 => "EdDSA",
        }
    }

    fn verification(self) -> &'static dyn signature::VerificationAlgorithm {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::Ed25519 => &signature::ED25519,
        }
    }
}

/// A public key parsed for one algorithm.
#[derive(Debug)]
pub(crate) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    pub(crate) fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Option<Self> {
        let der = RsaPublicKeyComponents { n, e }.as_der().ok()?;
        Self::parse(algorithm, der.as_ref())
    }

    /// `bytes` is the uncompressed point of an elliptic curve key, or the 32 bytes of an Ed25519
    /// key.
    pub(crate) fn parse(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        ParsedPublicKey::new(algorithm.verification(), bytes)
            .ok()
            .map(Self)
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

/// SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    copied(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

/// SHA-256 of a text that consists of parts.
pub(crate) fn digest_of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(part.as_bytes());
    }
    copied(context.finish().as_ref())
}

/// Compares in constant time.
pub(crate) fn are_same(one: &[u8], other: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
}

fn copied(from: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(from) {
        *to = *from;
    }
    digest
}

/// HMAC-SHA-256 over the parts, each with its length in front.
pub(crate) fn keyed_digest<'a>(key: &[u8; 32], parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    let mut mac = aws_lc_rs::hmac::Context::with_key(&key);
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    copied(mac.sign().as_ref())
}

/// An HMAC algorithm (RFC 7518 section 3.2) for a secret that both sides know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MacAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

impl MacAlgorithm {
    /// All algorithms.
    pub const ALL: [Self; 3] = [Self::Hs256, Self::Hs384, Self::Hs512];

    /// The algorithm with this `alg` value.
    pub fn from_name(alg: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == alg)
    }

    /// The `alg` value of this algorithm.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// The shortest secret in bytes: the length of the hash (RFC 7518 section 3.2).
    pub fn min_secret_len(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
        }
    }

    /// The MAC of `message`; `None` if the secret is too short.
    pub(crate) fn mac(self, secret: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let algorithm = match self {
            Self::Hs256 => aws_lc_rs::hmac::HMAC_SHA256,
            Self::Hs384 => aws_lc_rs::hmac::HMAC_SHA384,
            Self::Hs512 => aws_lc_rs::hmac::HMAC_SHA512,
        };
        (secret.len() >= self.min_secret_len()).then(|| {
            let key = aws_lc_rs::hmac::Key::new(algorithm, secret);
            aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
        })
    }
}
