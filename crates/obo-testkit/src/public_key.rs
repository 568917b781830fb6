//! Public keys as clients register them and as the server verifies its own tokens with.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use serde_json::Value;

use crate::alg::TestAlg;

#[derive(Clone)]
pub(crate) struct PublicKey {
    pub(crate) kid: Option<String>,
    /// The algorithm that a JWK names, if it names one.
    pub(crate) alg: Option<TestAlg>,
    /// One key; from PEM, a key of each type, of which only the right one verifies.
    pub(crate) keys: Vec<DecodingKey>,
}

impl PublicKey {
    /// Reads a PEM `PUBLIC KEY`.
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        let pem = pem::parse(text).ok()?;
        let der = pem.contents();
        (pem.tag() == "PUBLIC KEY").then(|| Self {
            kid: None,
            alg: None,
            keys: vec![
                DecodingKey::from_rsa_der(der),
                DecodingKey::from_ec_der(der),
                DecodingKey::from_ed_der(der),
            ],
        })
    }

    /// Reads a public JWK of type RSA, EC (P-256, P-384) or OKP (Ed25519).
    pub(crate) fn from_jwk(jwk: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
        let supported = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => true,
            AlgorithmParameters::EllipticCurve(key) => {
                matches!(key.curve, EllipticCurve::P256 | EllipticCurve::P384)
            }
            AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519,
            _ => false,
        };
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| supported)?;
        let alg = match jwk.common.key_algorithm {
            Some(alg) => Some(TestAlg::parse(&alg.to_string())?),
            None => None,
        };
        Some(Self {
            kid: jwk.common.key_id,
            alg,
            keys: vec![key],
        })
    }
}
