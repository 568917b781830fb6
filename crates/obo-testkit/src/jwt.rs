//! Compact JWS, signed and verified by the `jsonwebtoken` crate.
//!
//! Its provider is named instead of installed, so a test may install another one for its process.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, Header, TokenData, dangerous};
use serde_json::{Map, Value};

use crate::public_key::PublicKey;
use crate::test_key::TestKey;

/// Signs any header and any claims: the header may contradict the key.
pub(crate) fn encode(header: &Value, claims: &Value, key: &TestKey) -> String {
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A parsed JWT, its signature not yet verified.
pub(crate) struct Jwt<'a> {
    header: Header,
    pub(crate) claims: Claims,
    message: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// Fails on an algorithm unknown to `jsonwebtoken`, and on `crit` (RFC 7515 §4.1.11).
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let parts = insecure_decode(token).or_else(|| insecure_decode(&renamed(token)?))?;
        parts.header.crit.is_none().then_some(Self {
            header: parts.header,
            claims: Claims(parts.claims.into()),
            message,
            signature: BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// The members of the header.
    pub(crate) fn header(&self) -> Map<String, Value> {
        let header = self.message.split('.').next().unwrap_or_default();
        let header = BASE64_URL_SAFE_NO_PAD.decode(header).ok();
        let header = header.and_then(|json| serde_json::from_slice(&json).ok());
        header.unwrap_or_default()
    }

    /// The `typ` header as RFC 7515 §4.1.9 compares it: without case, without `application/`.
    pub(crate) fn typ(&self) -> Option<String> {
        let typ = self.header.typ.as_ref()?.to_ascii_lowercase();
        Some(typ.strip_prefix("application/").unwrap_or(&typ).to_owned())
    }

    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let kids = self.header.kid.as_ref().zip(key.kid.as_ref());
        let kid_fits = kids.is_none_or(|(a, b)| a == b);
        let alg_fits = key.alg.is_none_or(|alg| alg.jws() == self.header.alg);
        kid_fits && alg_fits && key.keys.iter().any(|key| self.verifies(key))
    }

    /// Whether this secret signed it. The secret must be as long as the hash (RFC 7518 §3.2).
    pub(crate) fn is_signed_with_secret(&self, secret: &str) -> bool {
        let min_len = match self.header.alg {
            Algorithm::HS256 => 32,
            Algorithm::HS384 => 48,
            _ => 64,
        };
        secret.len() >= min_len && self.verifies(&DecodingKey::from_secret(secret.as_bytes()))
    }

    /// False for a key of another type than the header's algorithm.
    fn verifies(&self, key: &DecodingKey) -> bool {
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&self.header.alg, key);
        let message = self.message.as_bytes();
        verifier.is_ok_and(|verifier| verifier.verify(message, &self.signature).is_ok())
    }
}

fn insecure_decode(token: &str) -> Option<TokenData<Map<String, Value>>> {
    dangerous::insecure_decode(token).ok()
}

/// A token by `Ed25519` with the older name `EdDSA`, which `jsonwebtoken` knows (RFC 9864 §2.2).
fn renamed(token: &str) -> Option<String> {
    let (header, rest) = token.split_once('.')?;
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).ok()?;
    let mut header: Value = serde_json::from_slice(&header).ok()?;
    let alg = header.get_mut("alg").filter(|alg| *alg == "Ed25519")?;
    *alg = "EdDSA".into();
    let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
    Some(format!("{header}.{rest}"))
}

/// The claims of a token, whether it is a JWT or opaque.
pub(crate) struct Claims(pub(crate) Value);

impl Claims {
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.0[claim].as_str()
    }

    /// The audiences; empty if `aud` is neither a string nor an array of strings.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        let aud = match &self.0["aud"] {
            Value::Array(many) => many,
            one => std::slice::from_ref(one),
        };
        let texts: Option<_> = aud.iter().map(Value::as_str).collect();
        texts.unwrap_or_default()
    }

    /// The expiry of a token that is valid at `now`; `None` if it lacks `exp` or is not valid.
    pub(crate) fn expiry(&self, now: i64) -> Option<i64> {
        let exp = self.0["exp"].as_i64()?;
        let nbf = self.0.get("nbf").map_or(Some(now), Value::as_i64)?;
        (nbf <= now && now < exp).then_some(exp)
    }
}
