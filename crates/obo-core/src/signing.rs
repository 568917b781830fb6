use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::PrivateKey;
use crate::{Algorithm, ConfigError, Secret};

/// A private key that signs client assertions (RFC 7523 section 2.2).
#[derive(Clone)]
pub struct SigningKey {
    key: PrivateKey,
    kid: Option<String>,
}

impl SigningKey {
    /// Reads a private key in PEM form for one algorithm: PKCS#8, or PKCS#1 for RSA.
    ///
    /// # Errors
    ///
    /// When the text is no private key that can sign with `algorithm`; nothing of it is quoted.
    pub fn from_pem(algorithm: Algorithm, pem: &Secret) -> Result<Self, ConfigError> {
        let key = PrivateKey::from_pem(algorithm, pem.expose().as_bytes()).ok_or_else(|| {
            ConfigError::new(
                "private_key",
                format!(
                    "not a PEM private key for {}; expected PKCS#8 (`BEGIN PRIVATE KEY`)",
                    algorithm.name()
                ),
            )
        })?;
        Ok(Self { key, kid: None })
    }

    /// Names the key in the header of what it signs, as the authorization server knows it.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Signs `claims` as a compact JWS whose header has `typ`, or none when the server tolerates none.
    ///
    /// `None` when the key cannot sign, which [`from_pem`](Self::from_pem) has ruled out short of a fault.
    pub fn sign(&self, typ: Option<&str>, claims: &serde_json::Value) -> Option<Secret> {
        let mut header = serde_json::Map::new();
        header.insert("alg".into(), self.key.algorithm().name().into());
        if let Some(typ) = typ {
            header.insert("typ".into(), typ.into());
        }
        if let Some(kid) = &self.kid {
            header.insert("kid".into(), kid.as_str().into());
        }
        let mut jws = URL_SAFE_NO_PAD.encode(serde_json::Value::Object(header).to_string());
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut jws);
        let signature = self.key.sign(jws.as_bytes())?;
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
        Some(Secret::new(jws))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, [redacted])", self.key.algorithm())
    }
}
