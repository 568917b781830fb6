//! The parameters of a request: ordered pairs under the rules of RFC 6749 §3.2.

use http::{HeaderMap, header};

use crate::oauth_error::{OAuthError, require};

const REPEATABLE: [&str; 2] = ["audience", "resource"];

/// The pairs of a body, decoded and in order.
pub(crate) type Pairs = Vec<(String, String)>;

pub(crate) struct Form(Pairs);

impl Form {
    /// Applies the rules: form content type, an empty value counts as absent, only targets repeat.
    pub(crate) fn check(pairs: Option<Pairs>) -> Result<Self, OAuthError> {
        let text = "the body must be application/x-www-form-urlencoded";
        let pairs = pairs.ok_or_else(|| OAuthError::new("invalid_request", text))?;
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let form = Self(pairs.collect());
        for (name, _) in &form.0 {
            let is_legal = REPEATABLE.contains(&name.as_str()) || form.all(name).count() == 1;
            let text = format!("parameter {name} is repeated");
            require(is_legal, "invalid_request", text)?;
        }
        Ok(form)
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, OAuthError> {
        let missing = || OAuthError::new("invalid_request", format!("parameter {name} is missing"));
        self.one(name).ok_or_else(missing)
    }
}

/// Reads a body; `None` if it has another content type.
pub(crate) fn pairs(headers: &HeaderMap, body: &[u8]) -> Option<Pairs> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = content_type.split(';').next()?.trim();
    media_type
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        .then(|| form_urlencoded::parse(body).into_owned().collect())
}
