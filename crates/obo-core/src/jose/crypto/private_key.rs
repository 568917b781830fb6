//! Private keys, parsed once.

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::Algorithm;
use crate::wire::{integer, json};

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

/// What an algorithm needs to sign.
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
    /// Reads the first private key of a PEM text: PKCS#8, PKCS#1 or SEC 1.
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

    /// Reads a private JWK (RFC 7518 section 6, RFC 8037 section 2). Its public half must belong to
    /// it.
    pub(crate) fn from_jwk(algorithm: Algorithm, jwk: &[u8]) -> Option<Self> {
        let names = [
            "kty", "crv", "d", "x", "y", "n", "e", "p", "q", "dp", "dq", "qi",
        ];
        let [kty, crv, d, x, y, n, e, p, q, dp, dq, qi] = json::pick_texts(jwk, names)?;
        let octets = |member: Option<Cow<'_, str>>| {
            let octets = URL_SAFE_NO_PAD.decode(&*member?).ok()?;
            Some(Zeroizing::new(octets))
        };
        let number = |member| {
            let octets = octets(member)?;
            Some(Zeroizing::new(integer::significant(&octets).to_vec()))
        };
        let pair = match (family(algorithm), kty.as_deref()?, crv.as_deref()) {
            (Family::Rsa(encoding), "RSA", _) => {
                let components = KeyPairComponents {
                    public_key: RsaPublicKeyComponents {
                        n: number(n)?,
                        e: number(e)?,
                    },
                    d: number(d)?,
                    p: number(p)?,
                    q: number(q)?,
                    dP: number(dp)?,
                    dQ: number(dq)?,
                    qInv: number(qi)?,
                };
                rsa(RsaKeyPair::from_components(&components).ok()?, encoding)
            }
            (Family::Ec(curve, name), "EC", crv) if crv == Some(name) => {
                let (d, x, y) = (octets(d)?, octets(x)?, octets(y)?);
                let length = if name == "P-256" { 32 } else { 48 };
                let part = |octets| integer::of_length(octets, length);
                // SEC 1 uncompressed point: 0x04, x, y.
                let point = [&[4], part(&x)?, part(&y)?].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, part(&d)?, &point);
                Pair::Ec(Arc::new(pair.ok()?))
            }
            (Family::Ed25519, "OKP", Some("Ed25519")) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&octets(d)?, &octets(x)?);
                Pair::Ed25519(Arc::new(pair.ok()?))
            }
            _ => return None,
        };
        Some(Self { algorithm, pair })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half in the form that a certificate has: `RSAPublicKey`, uncompressed point, or
    /// 32 bytes.
    pub(crate) fn public_bytes(&self) -> &[u8] {
        match &self.pair {
            Pair::Rsa(pair, _) => pair.public_key().as_ref(),
            Pair::Ec(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// The public half as a JWK, with its required members only.
    pub(crate) fn public_jwk(&self) -> Option<String> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let bytes = self.public_bytes();
        Some(match family(self.algorithm) {
            Family::Rsa(_) => {
                let (n, e) = rsa_numbers(bytes)?;
                format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, text(n), text(e))
            }
            Family::Ec(_, crv) => {
                let point = bytes.strip_prefix(&[4])?;
                let (x, y) = point.split_at_checked(point.len() / 2)?;
                let (x, y) = (text(x), text(y));
                format!(r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{y}"}}"#)
            }
            Family::Ed25519 => {
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, text(bytes))
            }
        })
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

/// The modulus and the exponent of an `RSAPublicKey` in DER (RFC 8017 appendix A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (numbers, _) = der_value(0x30, der)?;
    let (n, rest) = der_value(0x02, numbers)?;
    let (e, _) = der_value(0x02, rest)?;
    Some((integer::significant(n), integer::significant(e)))
}

/// The content of the value of this type at the start, and what follows it.
fn der_value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der.strip_prefix(&[tag])? {
        [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [length @ ..=0x7f, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn rsa(pair: RsaKeyPair, encoding: &'static dyn RsaEncoding) -> Pair {
    Pair::Rsa(Arc::new(pair), encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CA-12
    #[test]
    fn rfc_8037_example_signs_as_printed() {
        let jwk = r#"{"kty":"OKP","crv":"Ed25519",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let key = PrivateKey::from_jwk(Algorithm::Ed25519, jwk.as_bytes()).unwrap();
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        assert_eq!(
            URL_SAFE_NO_PAD.encode(key.sign(message).unwrap()),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
        for other in [Algorithm::Es256, Algorithm::Rs256] {
            assert!(PrivateKey::from_jwk(other, jwk.as_bytes()).is_none());
        }
    }

    /// CA-12
    #[test]
    fn mismatched_public_half_is_rejected() {
        let jwk = r#"{"kty":"OKP","crv":"Ed25519",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"21qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert!(PrivateKey::from_jwk(Algorithm::Ed25519, jwk.as_bytes()).is_none());
    }
}
