//! Conversions from the types of the `jsonwebtoken` crate, for services that already hold them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{AlgorithmFamily, EncodingKey};

use crate::error::ConfigError;
use crate::jose::crypto::Algorithm;
use crate::jose::jwk::{KeySet, KeySetError, VerificationKey, usable_key};
use crate::jose::signing::SigningKey;
use crate::secret::Secret;

/// Fails for `HS256`, `HS384` and `HS512`: a key that verifies a MAC can also forge it.
///
/// ```
/// use obo_core::Algorithm;
///
/// assert_eq!(Algorithm::try_from(jsonwebtoken::Algorithm::ES256)?, Algorithm::Es256);
/// assert!(Algorithm::try_from(jsonwebtoken::Algorithm::HS256).is_err());
/// # Ok::<(), obo_core::ConfigError>(())
/// ```
impl TryFrom<jsonwebtoken::Algorithm> for Algorithm {
    type Error = ConfigError;

    fn try_from(algorithm: jsonwebtoken::Algorithm) -> Result<Self, ConfigError> {
        // `jsonwebtoken` names its variants as RFC 7518 names the algorithms.
        let name = format!("{algorithm:?}");
        Self::from_name(&name).ok_or_else(|| {
            let expected = Self::ALL.map(Self::name).join(", ");
            let problem = format!("{name} is not supported; expected one of {expected}");
            ConfigError::new("algorithm", problem)
        })
    }
}

/// Reads one key. Fails if the key cannot verify signatures, as [`KeySet`] would skip it.
///
/// ```
/// use obo_core::{Algorithm, VerificationKey};
///
/// let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_str(
///     r#"{"kid":"k1","kty":"OKP","crv":"Ed25519",
///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?;
/// let key = VerificationKey::try_from(&jwk)?;
/// assert_eq!(key.kid(), Some("k1"));
/// assert!(key.fits(Algorithm::Ed25519));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl TryFrom<&Jwk> for VerificationKey {
    type Error = ConfigError;

    fn try_from(jwk: &Jwk) -> Result<Self, ConfigError> {
        let key = serde_json::value::to_raw_value(jwk).map_err(|_| "cannot be written as JSON");
        let key = key.and_then(|text| usable_key(text.get()));
        key.map_err(|problem| ConfigError::new("jwk", problem))
    }
}

/// Reads a key set, with the errors of [`KeySet::parse`].
///
/// Prefer [`KeySet::parse`] if you have the document. `jsonwebtoken` drops members that it does not
/// know, so a key that was published with its private members by mistake is not skipped here.
///
/// ```
/// use obo_core::KeySet;
///
/// let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(
///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519",
///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
/// )?;
/// assert_eq!(KeySet::try_from(&set)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl TryFrom<&JwkSet> for KeySet {
    type Error = KeySetError;

    fn try_from(set: &JwkSet) -> Result<Self, KeySetError> {
        let document = serde_json::to_vec(set).map_err(|_| KeySetError::NotAKeySet)?;
        Self::parse(&document)
    }
}

/// Available with the feature `jsonwebtoken`.
impl SigningKey {
    /// Reads the private key of an [`EncodingKey`] for one algorithm.
    ///
    /// ```
    /// use obo_core::{Algorithm, SigningKey};
    ///
    /// # let pkcs8 = [
    /// #     &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20][..],
    /// #     &[7; 32],
    /// # ].concat();
    /// let key = jsonwebtoken::EncodingKey::from_ed_der(&pkcs8);
    /// let key = SigningKey::from_encoding_key(Algorithm::Ed25519, &key)?.with_kid("k1");
    /// assert_eq!(key.algorithm(), Algorithm::Ed25519);
    /// # Ok::<(), obo_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the key is a secret, or cannot sign with `algorithm`. The error quotes nothing of it.
    pub fn from_encoding_key(algorithm: Algorithm, key: &EncodingKey) -> Result<Self, ConfigError> {
        let label = match key.family() {
            // `EncodingKey` holds PKCS#1 for RSA, and PKCS#8 for the others.
            AlgorithmFamily::Rsa => "RSA PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        let der = key.as_bytes();
        // With room for all of it, so that no copy is left behind when it is wiped.
        let mut pem = String::with_capacity(der.len() * 4 / 3 + 100);
        pem.extend(["-----BEGIN ", label, "-----\n"]);
        STANDARD.encode_string(der, &mut pem);
        pem.extend(["\n-----END ", label, "-----\n"]);
        Self::from_pem(algorithm, &Secret::new(pem)).map_err(|_| {
            let (family, name) = (key.family(), algorithm.name());
            let problem =
                format!("an EncodingKey of the family {family:?} that cannot sign with {name}");
            ConfigError::new("private_key", problem)
        })
    }
}

#[cfg(test)]
mod tests {
    use obo_test_support::Signer;

    use super::*;
    use crate::jose::jwk::Selection;

    #[test]
    fn every_asymmetric_algorithm_converts() {
        use jsonwebtoken::Algorithm as Theirs;
        let theirs = [
            Theirs::RS256,
            Theirs::RS384,
            Theirs::RS512,
            Theirs::PS256,
            Theirs::PS384,
            Theirs::PS512,
            Theirs::ES256,
            Theirs::ES384,
            Theirs::EdDSA,
        ];
        assert_eq!(
            theirs.map(|alg| Algorithm::try_from(alg).unwrap()),
            Algorithm::ALL
        );
    }

    #[test]
    fn mac_algorithm_is_rejected() {
        use jsonwebtoken::Algorithm as Theirs;
        for alg in [Theirs::HS256, Theirs::HS384, Theirs::HS512] {
            let error = Algorithm::try_from(alg).unwrap_err();
            assert_eq!(error.field(), "algorithm");
            assert_eq!(
                error.problem(),
                format!(
                    "{alg:?} is not supported; expected one of \
                     RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
                )
            );
        }
    }

    fn signers() -> [Signer; 4] {
        [
            Signer::rsa("rsa"),
            Signer::p256("p256"),
            Signer::p384("p384"),
            Signer::ed25519("ed"),
        ]
    }

    fn jwk(text: &str) -> Jwk {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn jwk_of_each_type_verifies() {
        for signer in signers() {
            let key = VerificationKey::try_from(&jwk(&signer.jwk(""))).unwrap();
            assert_eq!(key.kid(), Some(signer.kid()));
            for alg in signer.algorithms() {
                let public = key.for_algorithm(Algorithm::from_name(alg).unwrap());
                let signature = signer.sign(alg, b"message");
                assert!(public.unwrap().verifies(b"message", &signature), "{alg}");
                assert!(!public.unwrap().verifies(b"another", &signature), "{alg}");
            }
        }
    }

    #[test]
    fn unusable_jwk_is_rejected() {
        let ed = Signer::ed25519("ed");
        for (text, problem) in [
            (r#"{"kty":"oct","k":"c2VjcmV0"}"#, "private member"),
            (&ed.jwk(r#""use":"enc""#), "`use`"),
            (&ed.jwk(r#""key_ops":["sign"]"#), "`key_ops`"),
            (&ed.jwk(r#""alg":"ES256""#), "does not fit"),
            (&ed.jwk(r#""alg":"HS256""#), "not supported"),
            (&ed.jwk(r#""alg":"XS256""#), "not supported"),
            (
                r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#,
                "not supported",
            ),
            (r#"{"kty":"AKP","pub":"AA"}"#, "not supported"),
            (r#"{"kty":"RSA","n":"Aw","e":"AQAB"}"#, "2048 to 8192 bits"),
        ] {
            let error = VerificationKey::try_from(&jwk(text)).unwrap_err();
            assert_eq!(error.field(), "jwk");
            assert!(error.problem().contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn key_set_converts() {
        let signers = signers();
        let mut keys: Vec<_> = signers.iter().map(|key| jwk(&key.jwk(""))).collect();
        keys.push(jwk(r#"{"kty":"oct","k":"c2VjcmV0"}"#));
        let set = KeySet::try_from(&JwkSet { keys }).unwrap();
        assert_eq!((set.len(), set.skipped()), (4, 1));
        for signer in &signers {
            let alg = Algorithm::from_name(signer.algorithms()[0]).unwrap();
            let found = set.select(Some(signer.kid()), alg);
            assert!(matches!(found, Selection::Key(_)), "{found:?}");
        }
        let empty = KeySet::try_from(&JwkSet { keys: Vec::new() }).unwrap();
        assert!(empty.is_empty());
    }

    #[test]
    fn empty_key_set_is_an_error() {
        let keys = vec![jwk(r#"{"kty":"oct","k":"c2VjcmV0"}"#)];
        let error = KeySet::try_from(&JwkSet { keys }).unwrap_err();
        assert!(matches!(error, KeySetError::NoUsableKey { keys: 1, .. }));
    }

    #[test]
    fn encoding_key_of_each_type_signs() {
        for signer in signers() {
            let pem = signer.private_pem();
            let read = match signer.algorithms()[0] {
                "RS256" => EncodingKey::from_rsa_pem,
                "EdDSA" => EncodingKey::from_ed_pem,
                _ => EncodingKey::from_ec_pem,
            };
            let key = read(pem.as_bytes()).unwrap();
            let public = VerificationKey::try_from(&jwk(&signer.jwk(""))).unwrap();
            for alg in signer.algorithms() {
                let algorithm = Algorithm::from_name(alg).unwrap();
                let signing = SigningKey::from_encoding_key(algorithm, &key).unwrap();
                let signature = signing.sign(b"message").unwrap();
                let public = public.for_algorithm(algorithm).unwrap();
                assert!(public.verifies(b"message", &signature), "{alg}");
            }
        }
    }

    #[test]
    fn encoding_key_of_other_type_fails() {
        let pem = Signer::p256("p256").private_pem();
        let ec = EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
        let secret = EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
        for (key, algorithm, problem) in [
            (
                &ec,
                Algorithm::Es384,
                "family Ec that cannot sign with ES384",
            ),
            (
                &ec,
                Algorithm::Rs256,
                "family Ec that cannot sign with RS256",
            ),
            (&secret, Algorithm::Rs256, "family Hmac that cannot sign"),
        ] {
            let error = SigningKey::from_encoding_key(algorithm, key).unwrap_err();
            assert_eq!(error.field(), "private_key");
            assert!(error.problem().contains(problem), "{error}");
        }
    }
}
