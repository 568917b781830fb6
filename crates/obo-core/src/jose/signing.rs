//! Writes a compact JWS (RFC 7515 section 7.1): a client assertion, signed here or by an external
//! signer.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::ConfigError;
use crate::jose::crypto::{Algorithm, MacAlgorithm, PrivateKey, digest};
use crate::secret::Secret;
use crate::wire::json;

/// A private key that signs client assertions (RFC 7523 section 2.2).
#[derive(Clone)]
pub struct SigningKey {
    key: PrivateKey,
    kid: Option<String>,
}

impl SigningKey {
    /// Reads a private key in PEM form: PKCS#8, PKCS#1 for RSA, or SEC 1 for elliptic curves.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a private key for `algorithm`. The error quotes nothing of the
    /// text.
    pub fn from_pem(algorithm: Algorithm, pem: &Secret) -> Result<Self, ConfigError> {
        let key = PrivateKey::from_pem(algorithm, pem.expose().as_bytes()).ok_or_else(|| {
            let (name, found) = (algorithm.name(), found_in_pem(pem.expose()));
            let problem = format!(
                "not a PEM private key for {name}: {found}; expected PKCS#8 (`BEGIN PRIVATE KEY`)"
            );
            ConfigError::new("private_key", problem)
        })?;
        Ok(Self { key, kid: None })
    }

    /// Reads a private key in PEM or JWK form.
    ///
    /// # Errors
    ///
    /// Fails like [`from_pem`](Self::from_pem) and [`from_jwk`](Self::from_jwk).
    pub fn parse(algorithm: Algorithm, text: &Secret) -> Result<Self, ConfigError> {
        match text.expose().trim_start().starts_with('{') {
            true => Self::from_jwk(algorithm, text),
            false => Self::from_pem(algorithm, text),
        }
    }

    /// Reads a private JWK (RFC 7517). Its `kid`, if present, becomes the key's name.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a private JWK for `algorithm`, if its public half belongs to
    /// another key, or if its `alg` or `use` differs. The error quotes nothing of the text.
    pub fn from_jwk(algorithm: Algorithm, jwk: &Secret) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| {
            let problem = format!("{problem} for {}", algorithm.name());
            ConfigError::new("private_key", problem)
        };
        let jwk = jwk.expose().as_bytes();
        let read = json::pick_texts(jwk, ["kty", "d", "alg", "use", "kid"]);
        let Some([Some(_), Some(_), alg, public_key_use, kid]) = read else {
            return Err(wrong(&format!("not a private JWK{}", json::mark(jwk))));
        };
        if alg.is_some_and(|alg| Algorithm::from_name(&alg) != Some(algorithm)) {
            return Err(wrong("the JWK has another `alg`, so it cannot be used"));
        }
        if public_key_use.is_some_and(|of| of != "sig") {
            return Err(wrong("the JWK's `use` is not `sig`, so it cannot be used"));
        }
        let key = PrivateKey::from_jwk(algorithm, jwk)
            .ok_or_else(|| wrong("a member of the private JWK is missing or does not fit"))?;
        Ok(Self {
            key,
            kid: kid.map(Into::into),
        })
    }

    /// Sets the `kid` in the header of what it signs. The authorization server knows the key by it.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The `kid` of the key.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// The public half as a JWK, with its required members only.
    pub(crate) fn public_jwk(&self) -> Option<String> {
        self.key.public_jwk()
    }

    /// Signs `message` in the form of a JWS signature; `None` only if the cryptography library
    /// fails.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.key.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, [redacted])", self.key.algorithm())
    }
}

/// The header of a JWS that will be signed.
#[derive(Clone, Debug)]
pub struct JwsHeader {
    alg: &'static str,
    typ: &'static str,
    kid: Option<String>,
    /// SHA-256 of the certificate in DER.
    certificate: Option<[u8; 32]>,
}

impl JwsHeader {
    /// A header with only `alg` and `typ`.
    pub fn new(alg: &'static str, typ: &'static str) -> Self {
        Self {
            alg,
            typ,
            kid: None,
            certificate: None,
        }
    }

    /// Sets another `typ`.
    #[must_use]
    pub fn with_typ(self, typ: &'static str) -> Self {
        Self { typ, ..self }
    }

    /// Sets the `kid`.
    #[must_use]
    pub fn with_kid(self, kid: Option<&str>) -> Self {
        let kid = kid.map(str::to_owned);
        Self { kid, ..self }
    }

    /// Sets `x5t#S256`, the thumbprint of the first certificate in a PEM text (RFC 7515 section
    /// 4.1.8).
    ///
    /// # Errors
    ///
    /// Fails if the text has no certificate, or if the certificate does not belong to `key`.
    pub fn with_certificate(
        self,
        pem: &str,
        key: Option<&SigningKey>,
    ) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError::new("certificate", problem);
        let blocks = pem::parse_many(pem).unwrap_or_default();
        let certificate = blocks.iter().find(|block| block.tag() == "CERTIFICATE");
        let der = certificate.map(pem::Pem::contents).ok_or_else(|| {
            let found = found_in_pem(pem);
            wrong(format!(
                "not a PEM certificate (`BEGIN CERTIFICATE`): {found}"
            ))
        })?;
        // Not a full X.509 parser. It finds the usual mistake: the certificate of another key.
        let holds = |key: &[u8]| der.windows(key.len()).any(|window| window == key);
        if key.is_some_and(|key| !holds(key.key.public_bytes())) {
            let problem = "the first certificate does not belong to the private key";
            return Err(wrong(problem.to_owned()));
        }
        Ok(Self {
            certificate: Some(digest(der)),
            ..self
        })
    }

    /// The bytes to sign: header and claims (RFC 7515 section 5.1).
    pub fn signing_input(&self, claims: &serde_json::Value) -> String {
        let mut header = serde_json::Map::new();
        header.insert("alg".into(), self.alg.into());
        header.insert("typ".into(), self.typ.into());
        if let Some(kid) = &self.kid {
            header.insert("kid".into(), kid.as_str().into());
        }
        if let Some(certificate) = &self.certificate {
            let thumbprint = URL_SAFE_NO_PAD.encode(certificate);
            header.insert("x5t#S256".into(), thumbprint.into());
        }
        let mut input = URL_SAFE_NO_PAD.encode(serde_json::Value::Object(header).to_string());
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut input);
        input
    }
}

/// The labels that a text has that is not usable as PEM (RFC 7468 section 2), without its content.
fn found_in_pem(text: &str) -> String {
    let begins = text.lines().filter_map(|line| {
        let label = line.trim().strip_prefix("-----BEGIN ")?;
        label.strip_suffix("-----")
    });
    let is_label = |label: &&str| {
        label.len() <= 40
            && label
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b"# 0123456789".contains(&b))
    };
    let labels: Vec<&str> = begins.filter(is_label).take(8).collect();
    let has = |label: &str| labels.contains(&label);
    if labels.is_empty() {
        let found = match text.trim_start().as_bytes().first() {
            Some(b'{') => "found JSON, which may be a JWK",
            _ => "found no line `-----BEGIN …-----`",
        };
        return found.to_owned();
    }
    let found = format!("found `{}`", labels.join("`, `"));
    if has("ENCRYPTED PRIVATE KEY") {
        return format!("{found}, which is encrypted; decrypt it with `openssl pkcs8`");
    }
    if has("OPENSSH PRIVATE KEY") {
        return format!("{found}; convert it with `ssh-keygen -p -m PKCS8`");
    }
    let is_key =
        |label: &&str| matches!(*label, "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY");
    if pem::parse_many(text).map_or(0, |blocks| blocks.len()) < labels.len() {
        format!("{found}, which is cut or damaged")
    } else if labels.iter().any(is_key) {
        format!("{found}, whose first key has another type or curve")
    } else {
        found
    }
}

/// The compact JWS: signing input and signature.
pub fn compact_jws(signing_input: &str, signature: &[u8]) -> Secret {
    let mut jws = String::with_capacity(signing_input.len() + 1 + signature.len().div_ceil(3) * 4);
    jws.push_str(signing_input);
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Secret::new(jws)
}

/// The MAC of a JWS with a secret that both sides know; `None` if the secret is too short for the
/// algorithm.
pub fn mac_signature(algorithm: MacAlgorithm, secret: &Secret, message: &[u8]) -> Option<Vec<u8>> {
    algorithm.mac(secret.expose().as_bytes(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_error_names_what_was_found() {
        let block =
            |label: &str| format!("-----BEGIN {label}-----\nc2VjcmV0\n-----END {label}-----\n");
        let two = block("EC PARAMETERS") + &block("EC PRIVATE KEY");
        let cut = &block("PRIVATE KEY")[..40];
        for (text, found) in [
            (&*block("CERTIFICATE"), "found `CERTIFICATE`;"),
            (&block("PUBLIC KEY"), "found `PUBLIC KEY`;"),
            (
                &two,
                "found `EC PARAMETERS`, `EC PRIVATE KEY`, whose first key has another type",
            ),
            (&block("ENCRYPTED PRIVATE KEY"), "is encrypted"),
            (&block("OPENSSH PRIVATE KEY"), "`ssh-keygen -p -m PKCS8`"),
            (cut, "found `PRIVATE KEY`, which is cut or damaged"),
            ("{\"kty\":\"EC\"}", "found JSON"),
            ("c2VjcmV0", "found no line `-----BEGIN"),
            ("", "found no line `-----BEGIN"),
            ("-----BEGIN c2VjcmV0-----", "found no line `-----BEGIN"),
        ] {
            let error = SigningKey::from_pem(Algorithm::Es256, &Secret::new(text)).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(found), "{error}");
            assert!(!error.contains("c2VjcmV0"), "{error}");
        }
        let header = JwsHeader::new("ES256", "JWT");
        let error = header
            .with_certificate(&block("PRIVATE KEY"), None)
            .unwrap_err();
        assert!(error.to_string().contains("found `PRIVATE KEY`"), "{error}");
    }

    /// CA-11
    #[test]
    fn rfc_7515_example_has_printed_mac() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = URL_SAFE_NO_PAD.decode(key).unwrap();
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let mac = MacAlgorithm::Hs256.mac(&key, input.as_bytes()).unwrap();
        let jws = compact_jws(input, &mac);
        let (signed, signature) = jws.expose().rsplit_once('.').unwrap();
        assert_eq!(signed, input);
        assert_eq!(signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    /// CA-11
    #[test]
    fn short_mac_secret_is_rejected() {
        for algorithm in MacAlgorithm::ALL {
            let long = Secret::new("x".repeat(algorithm.min_secret_len()));
            let short = Secret::new("x".repeat(algorithm.min_secret_len() - 1));
            let mac = mac_signature(algorithm, &long, b"m").unwrap();
            assert_eq!(mac.len(), algorithm.min_secret_len());
            assert_eq!(mac_signature(algorithm, &short, b"m"), None);
        }
    }

    /// CA-07
    #[test]
    fn header_has_exact_bytes() {
        let header = JwsHeader::new("ES256", "client-authentication+jwt");
        let claims = serde_json::json!({});
        let text = |header: JwsHeader| {
            let input = header.signing_input(&claims);
            let header = input.strip_suffix(".e30").unwrap();
            String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
        };
        assert_eq!(
            text(header.clone()),
            r#"{"alg":"ES256","typ":"client-authentication+jwt"}"#
        );
        // `openssl dgst -sha256` of the three bytes 01 02 03.
        let pem = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
        let full = header.with_typ("JWT").with_kid(Some("k1"));
        assert_eq!(
            text(full.with_certificate(pem, None).unwrap()),
            r#"{"alg":"ES256","kid":"k1","typ":"JWT","x5t#S256":"A5BYxvLAy0ksUzsKTRTvd8wPeKvMztUofYShogEc-4E"}"#
        );
    }
}
