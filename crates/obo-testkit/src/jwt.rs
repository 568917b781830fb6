//! Compact JWS, written and read with nothing but base64 and serde_json.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::alg::TestAlg;
use crate::public_key::PublicKey;
use crate::signing_key::TestKey;

pub(crate) type Object = Map<String, Value>;

pub(crate) fn encode(header: &Object, claims: &Object, key: &TestKey) -> String {
    let part = |object: &Object| URL_SAFE_NO_PAD.encode(Value::Object(object.clone()).to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A JWT taken apart, its signature not yet checked.
pub(crate) struct Jwt<'a> {
    pub(crate) header: Object,
    pub(crate) claims: Object,
    /// The signature algorithm; nothing for a MAC, or one that nobody here knows.
    pub(crate) alg: Option<TestAlg>,
    pub(crate) message: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header = object(header)?;
        if header.contains_key("crit") || header.get("typ").is_some_and(|typ| !typ.is_string()) {
            return None;
        }
        let alg = TestAlg::parse(header.get("alg")?.as_str()?);
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self {
            claims: object(claims)?,
            header,
            alg,
            message,
            signature,
        })
    }

    /// The claims of a token that is none: it has neither header nor signature.
    pub(crate) fn of_opaque(claims: Object) -> Self {
        Self {
            header: Object::new(),
            claims,
            alg: None,
            message: "",
            signature: Vec::new(),
        }
    }

    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let verifies = |alg| key.verify(alg, self.message.as_bytes(), &self.signature);
        key.answers_to(self.kid()) && self.alg.is_some_and(verifies)
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// The `typ` header as RFC 7515 §4.1.9 compares it: without case, without `application/`.
    pub(crate) fn typ(&self) -> Option<String> {
        let typ = self.header.get("typ")?.as_str()?.to_ascii_lowercase();
        Some(typ.strip_prefix("application/").unwrap_or(&typ).to_owned())
    }

    /// The audiences, or nothing if `aud` is neither a string nor an array of strings.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many
                .iter()
                .map(Value::as_str)
                .collect::<Option<_>>()
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Whether a token is valid at `now`; one without `exp` does not expire.
    pub(crate) fn is_current(&self, now: i64) -> bool {
        self.expiry(now).is_some() || !self.claims.contains_key("exp")
    }

    /// The expiry of a token that is valid at `now`; nothing if it is expired, lacks `exp` or is not valid yet.
    pub(crate) fn expiry(&self, now: i64) -> Option<i64> {
        let exp = self.claims.get("exp")?.as_i64()?;
        let started = match self.claims.get("nbf") {
            Some(nbf) => nbf.as_i64()? <= now,
            None => true,
        };
        (started && now < exp).then_some(exp)
    }
}

fn object(part: &str) -> Option<Object> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
