//! The token endpoint's parameters: ordered pairs under the rules of RFC 6749 §3.2.

use http::{HeaderMap, header};

use crate::oauth_error::OAuthError;

const REPEATABLE: [&str; 2] = ["audience", "resource"];

pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Applies the rules: right content type, an empty value counts as absent, nothing but a target repeats.
    pub(crate) fn check(
        headers: &HeaderMap,
        pairs: Vec<(String, String)>,
    ) -> Result<Self, OAuthError> {
        if !is_form(headers) {
            return Err(OAuthError::invalid_request(
                "the body must be application/x-www-form-urlencoded",
            ));
        }
        let form = Self(
            pairs
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        );
        let repeated = form
            .0
            .iter()
            .find(|(name, _)| !REPEATABLE.contains(&name.as_str()) && form.all(name).count() > 1);
        match repeated {
            Some((name, _)) => Err(OAuthError::invalid_request(format!(
                "parameter {name} is repeated"
            ))),
            None => Ok(form),
        }
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.one(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("parameter {name} is missing")))
    }
}

pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
