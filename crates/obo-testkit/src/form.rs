//! The parameters of a request: ordered pairs under the rules of RFC 6749 §3.2.

use http::{HeaderMap, header};

use crate::oauth_error::OAuthError;

const REPEATABLE: [&str; 2] = ["audience", "resource"];

pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Applies the rules: form content type, an empty value counts as absent, only targets repeat.
    pub(crate) fn check(
        headers: &HeaderMap,
        mut pairs: Vec<(String, String)>,
    ) -> Result<Self, OAuthError> {
        if !is_form(headers) {
            let text = "the body must be application/x-www-form-urlencoded";
            return Err(OAuthError::invalid_request(text));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        let form = Self(pairs);
        let mut names = form.0.iter().map(|(name, _)| name);
        let is_repeated =
            |name: &&String| !REPEATABLE.contains(&name.as_str()) && form.all(name).count() > 1;
        match names.find(is_repeated) {
            Some(name) => {
                let text = format!("parameter {name} is repeated");
                Err(OAuthError::invalid_request(text))
            }
            None => Ok(form),
        }
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.one(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("parameter {name} is missing")))
    }
}

pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().split(';').next();
    media_type.is_some_and(|media_type| {
        let media_type = media_type.trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}
