//! Compact JWS, signed and verified by the `jsonwebtoken` crate.
//!
//! Its provider is named instead of installed, so a test may install another one for its process.

use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, Header, dangerous};
use serde_json::{Map, Value};

use crate::base64url;
use crate::public_key::PublicKey;
use crate::test_key::TestKey;

pub(crate) type Object = Map<String, Value>;

/// Signs any header and any claims: the header may contradict the key.
pub(crate) fn encode(header: &Value, claims: &Value, key: &TestKey) -> String {
    let part = |json: &Value| base64url::encode(json.to_string().as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = base64url::encode(&key.sign(message.as_bytes()));
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
        let parts = dangerous::insecure_decode::<Object>(token).ok()?;
        parts.header.crit.is_none().then_some(Self {
            header: parts.header,
            claims: Claims(parts.claims),
            message,
            signature: base64url::decode(signature)?,
        })
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The `typ` header as RFC 7515 §4.1.9 compares it: without case, without `application/`.
    pub(crate) fn typ(&self) -> Option<String> {
        let typ = self.header.typ.as_ref()?.to_ascii_lowercase();
        Some(typ.strip_prefix("application/").unwrap_or(&typ).to_owned())
    }

    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let kid_fits = self
            .kid()
            .zip(key.kid.as_deref())
            .is_none_or(|(a, b)| a == b);
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

/// The claims of a token, whether it is a JWT or opaque.
pub(crate) struct Claims(pub(crate) Object);

impl Claims {
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim).and_then(Value::as_str)
    }

    /// The audiences; empty if `aud` is neither a string nor an array of strings.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => {
                let many: Option<_> = many.iter().map(Value::as_str).collect();
                many.unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The expiry of a token that is valid at `now`; `None` if it lacks `exp` or is not valid.
    pub(crate) fn expiry(&self, now: i64) -> Option<i64> {
        let exp = self.0.get("exp")?.as_i64()?;
        let started = match self.0.get("nbf") {
            Some(nbf) => nbf.as_i64()? <= now,
            None => true,
        };
        (started && now < exp).then_some(exp)
    }
}
