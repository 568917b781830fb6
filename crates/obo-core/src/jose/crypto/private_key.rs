//! Private keys, parsed once: signing takes no other look at their text.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use zeroize::Zeroizing;

use super::Algorithm;
use crate::wire::integer;

/// A private key for one algorithm.
#[derive(Clone)]
pub(crate) struct PrivateKey {
    algorithm: Algorithm,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

/// What an algorithm signs with.
enum Family {
    Rsa(&'static dyn RsaEncoding),
    Ec(&'static EcdsaSigningAlgorithm, &'static str),
    Ed25519,
}

fn family(algorithm: Algorithm) -> Family {
    match algorithm {
        Algorithm::Rs256 => Family::Rsa(&signature::RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Family::Rsa(&signature::RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Family::Rsa(&signature::RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Family::Rsa(&signature::RSA_PSS_SHA256),
        Algorithm::Ps384 => Family::Rsa(&signature::RSA_PSS_SHA384),
        Algorithm::Ps512 => Family::Rsa(&signature::RSA_PSS_SHA512),
        Algorithm::Es256 => Family::Ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        Algorithm::Es384 => Family::Ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
        Algorithm::Ed25519 => Family::Ed25519,
    }
}

impl PrivateKey {
    /// Reads PKCS#8, PKCS#1 or SEC 1: the first private key among the blocks of a PEM text.
    pub(crate) fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Option<Self> {
        let blocks = pem::parse_many(pem).ok()?;
        let mut keys = blocks.into_iter().filter_map(|block| {
            let is_pkcs1 = block.tag() == "RSA PRIVATE KEY";
            let is_key = is_pkcs1 || matches!(block.tag(), "PRIVATE KEY" | "EC PRIVATE KEY");
            let der = Zeroizing::new(block.into_contents());
            is_key.then_some((is_pkcs1, der))
        });
        let (is_pkcs1, der) = keys.next()?;
        let pair = match family(algorithm) {
            Family::Rsa(encoding) if is_pkcs1 => rsa(RsaKeyPair::from_der(&der).ok()?, encoding),
            Family::Rsa(encoding) => rsa(RsaKeyPair::from_pkcs8(&der).ok()?, encoding),
            Family::Ec(curve, _) => {
                let pair = EcdsaKeyPair::from_private_key_der(curve, &der).ok()?;
                Pair::Ec(Arc::new(pair))
            }
            Family::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()?;
                Pair::Ed25519(Arc::new(pair))
            }
        };
        Some(Self { algorithm, pair })
    }

    /// Takes a private JWK, whose public half must belong to it.
    pub(crate) fn from_jwk<'j>(algorithm: Algorithm, jwk: &'j PrivateJwk<'_>) -> Option<Self> {
        let d = jwk.d.bytes();
        let number = |member: &Option<Octets>| {
            let bytes = member.as_ref()?.bytes();
            Some(Zeroizing::new(integer::significant(bytes).to_vec()))
        };
        let kty = match family(algorithm) {
            Family::Rsa(_) => "RSA",
            Family::Ec(..) => "EC",
            Family::Ed25519 => "OKP",
        };
        if jwk.kty != kty {
            return None;
        }
        let pair = match family(algorithm) {
            Family::Rsa(encoding) => {
                let components = KeyPairComponents {
                    public_key: RsaPublicKeyComponents {
                        n: number(&jwk.n)?,
                        e: number(&jwk.e)?,
                    },
                    d: Zeroizing::new(integer::significant(d).to_vec()),
                    p: number(&jwk.p)?,
                    q: number(&jwk.q)?,
                    dP: number(&jwk.dp)?,
                    dQ: number(&jwk.dq)?,
                    qInv: number(&jwk.qi)?,
                };
                rsa(RsaKeyPair::from_components(&components).ok()?, encoding)
            }
            Family::Ec(curve, crv) if jwk.crv.as_deref() == Some(crv) => {
                let length = if crv == "P-256" { 32 } else { 48 };
                let half = |member: &'j Option<Octets>| {
                    integer::of_length(member.as_ref()?.bytes(), length)
                };
                // SEC 1 uncompressed point: 0x04, x, y.
                let point = [&[4], half(&jwk.x)?, half(&jwk.y)?].concat();
                let d = integer::of_length(d, length)?;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, d, &point);
                Pair::Ec(Arc::new(pair.ok()?))
            }
            Family::Ed25519 if jwk.crv.as_deref() == Some("Ed25519") => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(d, jwk.x.as_ref()?.bytes());
                Pair::Ed25519(Arc::new(pair.ok()?))
            }
            _ => return None,
        };
        Some(Self { algorithm, pair })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as a certificate holds it: `RSAPublicKey`, uncompressed point, or 32 bytes.
    pub(crate) fn public_bytes(&self) -> &[u8] {
        match &self.pair {
            Pair::Rsa(pair, _) => pair.public_key().as_ref(),
            Pair::Ec(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(*encoding, &random, message, &mut signature);
                signed.ok().map(|()| signature)
            }
            Pair::Ec(pair) => {
                let signature = pair.sign(&random, message).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn rsa(pair: RsaKeyPair, encoding: &'static dyn RsaEncoding) -> Pair {
    Pair::Rsa(Arc::new(pair), encoding)
}

/// A private key of RFC 7517 as its text has it (RFC 7518 section 6, RFC 8037 section 2).
#[derive(Deserialize)]
pub(crate) struct PrivateJwk<'a> {
    kty: String,
    crv: Option<String>,
    pub(crate) alg: Option<String>,
    pub(crate) kid: Option<String>,
    #[serde(rename = "use")]
    pub(crate) public_key_use: Option<&'a str>,
    d: Octets,
    x: Option<Octets>,
    y: Option<Octets>,
    n: Option<Octets>,
    e: Option<Octets>,
    p: Option<Octets>,
    q: Option<Octets>,
    dp: Option<Octets>,
    dq: Option<Octets>,
    qi: Option<Octets>,
}

/// Bytes in base64url, wiped when dropped.
struct Octets(Zeroizing<Vec<u8>>);

impl Octets {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64url;

        impl Visitor<'_> for Base64url {
            type Value = Octets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64url")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Octets, E> {
                let octets = URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new);
                octets.map(Octets).map_err(|_| E::custom("not base64url"))
            }
        }

        deserializer.deserialize_str(Base64url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca_12_the_example_of_rfc_8037_signs_as_it_is_printed() {
        let jwk = r#"{"kty":"OKP","crv":"Ed25519",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let jwk: PrivateJwk<'_> = serde_json::from_str(jwk).unwrap();
        let key = PrivateKey::from_jwk(Algorithm::Ed25519, &jwk).unwrap();
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        assert_eq!(
            URL_SAFE_NO_PAD.encode(key.sign(message).unwrap()),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
        for other in [Algorithm::Es256, Algorithm::Rs256] {
            assert!(PrivateKey::from_jwk(other, &jwk).is_none());
        }
    }

    #[test]
    fn ca_12_a_public_half_of_another_key_is_found() {
        let jwk = r#"{"kty":"OKP","crv":"Ed25519",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"21qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let jwk: PrivateJwk<'_> = serde_json::from_str(jwk).unwrap();
        assert!(PrivateKey::from_jwk(Algorithm::Ed25519, &jwk).is_none());
    }
}
