//! Authorization server metadata (RFC 8414 section 2, OpenID Connect Discovery section 3).

use serde::Deserialize;

use crate::{ConfigError, Issuer, https_or_loopback, json};

/// Where the authorization server keeps what this project needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMetadata {
    /// Where its keys are published.
    pub jwks_uri: Option<String>,
    /// Where tokens are exchanged.
    pub token_endpoint: Option<String>,
}

impl ServerMetadata {
    /// Metadata given by hand, instead of a discovery document (MD-09).
    ///
    /// # Errors
    ///
    /// When an endpoint is neither `https` nor on loopback.
    pub fn new(jwks_uri: Option<&str>, token_endpoint: Option<&str>) -> Result<Self, ConfigError> {
        let checked = |field, url: Option<&str>| {
            url.map(|url| https_or_loopback(field, url).map(|_| url.to_owned()))
                .transpose()
        };
        Ok(Self {
            jwks_uri: checked("jwks_uri", jwks_uri)?,
            token_endpoint: checked("token_endpoint", token_endpoint)?,
        })
    }

    /// Reads a discovery document; nothing of it is used unless its `issuer` is exactly `expected` (MD-01).
    ///
    /// # Errors
    ///
    /// Names the member at fault.
    pub fn parse(expected: &Issuer, document: &[u8]) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: Option<String>,
            token_endpoint: Option<String>,
        }
        let document: Document = json::object(document).ok_or_else(|| {
            ConfigError::new(
                "metadata",
                "the discovery document is not a JSON object with a string `issuer`",
            )
        })?;
        if document.issuer != expected.as_str() {
            return Err(ConfigError::new(
                "issuer",
                format!(
                    "the discovery document is of another issuer than {expected}; configure the issuer exactly as the server spells it"
                ),
            ));
        }
        Self::new(
            document.jwks_uri.as_deref(),
            document.token_endpoint.as_deref(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md_01_a_document_of_another_issuer_is_not_used() {
        let issuer = Issuer::new("https://h/t").unwrap();
        for other in ["https://h/t/", "https://H/t", "https://h"] {
            let document = format!(r#"{{"issuer":"{other}","jwks_uri":"https://h/jwks"}}"#);
            let error = ServerMetadata::parse(&issuer, document.as_bytes()).unwrap_err();
            assert_eq!(error.field(), "issuer");
        }
    }

    #[test]
    fn md_07_te_01_endpoints_are_https_or_loopback() {
        let issuer = Issuer::new("https://h").unwrap();
        for (member, bad) in [
            ("jwks_uri", "http://h/jwks"),
            ("jwks_uri", "file:///jwks"),
            ("token_endpoint", "http://h/token"),
        ] {
            let document = format!(r#"{{"issuer":"https://h","{member}":"{bad}"}}"#);
            let error = ServerMetadata::parse(&issuer, document.as_bytes()).unwrap_err();
            assert_eq!(error.field(), member);
        }
    }

    #[test]
    fn md_08_a_document_need_not_list_the_exchange_grant() {
        let issuer = Issuer::new("https://h").unwrap();
        let document = br#"{"issuer":"https://h","token_endpoint":"https://h/token","grant_types_supported":["authorization_code"]}"#;
        let metadata = ServerMetadata::parse(&issuer, document).unwrap();
        assert_eq!(metadata.token_endpoint.as_deref(), Some("https://h/token"));
    }
}
