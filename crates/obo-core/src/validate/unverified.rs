//! What a token claims, before it is verified or after it was refused: for logs only.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::validate::claims::Claims;
use crate::wire::base64url;
use crate::wire::seen::printable;

/// How many characters of a value a record has.
const MAX_VALUE: usize = 128;

/// Shortens a text to 128 characters and removes control characters, for a record.
///
/// Both sides of a hop write the same token identifier, so they write it by this function.
pub fn record_text(text: &str) -> String {
    printable(text, MAX_VALUE)
}

/// The claims of a JWT that nothing has verified, for logs only.
///
/// It reads a token leniently, because it describes tokens that were refused. Every text is
/// shortened and cleaned by [`record_text`].
#[derive(Default)]
pub struct UnverifiedClaims {
    header: Map<String, Value>,
    payload: Map<String, Value>,
}

/// The claims that name the client, in the order in which they are looked for.
const CLIENT: [&str; 4] = ["client_id", "azp", "cid", "appid"];

impl UnverifiedClaims {
    /// Reads a token; empty if it is not a JWT.
    pub fn read(token: &str) -> Self {
        let mut segments = token.split('.');
        let mut object = || {
            let json = segments.next().and_then(base64url::decode)?;
            serde_json::from_slice(&json).ok()
        };
        let (header, payload) = (object(), object());
        Self {
            header: header.unwrap_or_default(),
            payload: payload.unwrap_or_default(),
        }
    }

    /// Whether nothing could be read, as of an opaque token.
    pub fn is_empty(&self) -> bool {
        self.header.is_empty() && self.payload.is_empty()
    }

    /// A member of the header.
    pub fn header(&self, name: &str) -> Option<String> {
        self.header.get(name).map(shown)
    }

    /// A claim: texts of an array are joined by spaces, and of other values there is only the type.
    pub fn claim(&self, name: &str) -> Option<String> {
        self.payload.get(name).map(shown)
    }

    /// The type of a claim; `None` if it is missing.
    pub fn claim_type(&self, name: &str) -> Option<&'static str> {
        self.payload.get(name).map(kind)
    }

    /// The client, wherever servers write it.
    pub fn client(&self) -> Option<String> {
        CLIENT.iter().find_map(|name| self.claim(name))
    }

    /// The current actor: the subject of `act`, or its client.
    pub fn actor(&self) -> Option<String> {
        let actor = self.payload.get("act")?;
        let found = actor.get("sub").or_else(|| actor.get("client_id"));
        Some(found.map_or_else(|| shown(actor), shown))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            let texts: Vec<_> = values.iter().filter_map(Value::as_str).collect();
            Cow::Owned(texts.join(" "))
        }
        other => Cow::Owned(format!("({})", kind(other))),
    };
    record_text(&text)
}

impl fmt::Debug for UnverifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedClaims([redacted])")
    }
}

/// The `jti` of a token that is a JWT, read strictly; `None` for any other token.
pub(crate) fn token_id(token: &str) -> Option<String> {
    let mut segments = token.split('.');
    let payload = segments.nth(1).and_then(base64url::decode)?;
    let claims = (segments.count() == 1).then(|| Claims::parse(payload))?;
    claims.ok()?.jti().map(record_text)
}
