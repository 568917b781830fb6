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
    /// Where tokens are exchanged by clients that authenticate by their TLS certificate, if not there (RFC 8705 section 5).
    pub mtls_token_endpoint: Option<String>,
    /// Where tokens are introspected (RFC 7662 section 2).
    pub introspection_endpoint: Option<String>,
    /// Where tokens are introspected by clients that authenticate by their TLS certificate, if not there.
    pub mtls_introspection_endpoint: Option<String>,
    /// The grants that it lists, where it lists any (RFC 8414 section 2).
    pub grant_types: Option<Vec<String>>,
}

impl ServerMetadata {
    /// Metadata given by hand, instead of a discovery document (MD-09).
    ///
    /// # Errors
    ///
    /// When an endpoint is neither `https` nor on loopback.
    pub fn new(jwks_uri: Option<&str>, token_endpoint: Option<&str>) -> Result<Self, ConfigError> {
        let checked = |field, url: Option<&str>| url.map(|url| checked(field, url)).transpose();
        Ok(Self {
            jwks_uri: checked("jwks_uri", jwks_uri)?,
            token_endpoint: checked("token_endpoint", token_endpoint)?,
            mtls_token_endpoint: None,
            introspection_endpoint: None,
            mtls_introspection_endpoint: None,
            grant_types: None,
        })
    }

    /// The same with an introspection endpoint.
    ///
    /// # Errors
    ///
    /// When it is neither `https` nor on loopback.
    pub fn with_introspection_endpoint(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            introspection_endpoint: Some(checked("introspection_endpoint", url)?),
            ..self
        })
    }

    /// The same with another token endpoint for clients that authenticate by their TLS certificate (RFC 8705 section 5).
    ///
    /// # Errors
    ///
    /// When it is neither `https` nor on loopback.
    pub fn with_mtls_token_endpoint(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            mtls_token_endpoint: Some(checked("mtls_endpoint_aliases.token_endpoint", url)?),
            ..self
        })
    }

    /// Whether the server lists its grants and this one is not among them.
    pub fn leaves_out_grant(&self, grant_type: &str) -> bool {
        let grants = self.grant_types.as_ref();
        grants.is_some_and(|grants| !grants.iter().any(|grant| grant == grant_type))
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
            introspection_endpoint: Option<String>,
            mtls_endpoint_aliases: Option<Aliases>,
            grant_types_supported: Option<serde_json::Value>,
        }
        #[derive(Default, Deserialize)]
        struct Aliases {
            token_endpoint: Option<String>,
            introspection_endpoint: Option<String>,
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
        let metadata = Self::new(
            document.jwks_uri.as_deref(),
            document.token_endpoint.as_deref(),
        )?;
        let aliases = document.mtls_endpoint_aliases.unwrap_or_default();
        // It explains a refusal and decides nothing, so that an odd list is none.
        let grants = document.grant_types_supported;
        let grant_types = grants.and_then(|grants| serde_json::from_value(grants).ok());
        let metadata = Self {
            grant_types,
            introspection_endpoint: document.introspection_endpoint.filter(|url| is_usable(url)),
            mtls_introspection_endpoint: aliases
                .introspection_endpoint
                .filter(|url| is_usable(url)),
            ..metadata
        };
        match aliases.token_endpoint {
            // One that may not be used is none: those who do without it are not to be kept from the rest.
            Some(alias) => Ok(metadata
                .clone()
                .with_mtls_token_endpoint(&alias)
                .unwrap_or(metadata)),
            None => Ok(metadata),
        }
    }
}

/// A place that few services ask at does not make the whole document useless to the others.
fn is_usable(url: &str) -> bool {
    https_or_loopback("introspection_endpoint", url).is_ok()
}

fn checked(field: &'static str, url: &str) -> Result<String, ConfigError> {
    https_or_loopback(field, url).map(|_| url.to_owned())
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

    #[test]
    fn mt_07_the_alias_for_mutual_tls_is_read_and_held_to_the_same_rule() {
        let issuer = Issuer::new("https://h").unwrap();
        let parse = |aliases: &str| {
            let document =
                format!(r#"{{"issuer":"https://h","token_endpoint":"https://h/token"{aliases}}}"#);
            ServerMetadata::parse(&issuer, document.as_bytes())
        };
        let alias = |aliases| parse(aliases).unwrap().mtls_token_endpoint;
        assert_eq!(
            alias(r#","mtls_endpoint_aliases":{"token_endpoint":"https://m.h/token"}"#).as_deref(),
            Some("https://m.h/token")
        );
        assert_eq!(alias(r#","mtls_endpoint_aliases":{}"#), None);
        assert_eq!(alias(""), None);
        let plain = r#","mtls_endpoint_aliases":{"token_endpoint":"http://m.h/token"}"#;
        assert_eq!(alias(plain), None);
        let given = ServerMetadata::new(None, None).unwrap();
        let error = given.with_mtls_token_endpoint("http://m.h/token");
        let field = error.unwrap_err().field().to_owned();
        assert_eq!(field, "mtls_endpoint_aliases.token_endpoint");
    }

    #[test]
    fn in_01_mt_07_a_place_to_introspect_at_is_read_where_it_may_be_used() {
        let issuer = Issuer::new("https://h").unwrap();
        for (url, is_read) in [
            ("https://h/introspect", true),
            ("http://127.0.0.1:9/introspect", true),
            ("http://h/introspect", false),
            ("/introspect", false),
            ("file:///introspect", false),
            ("https://user:secret@h/introspect", false),
        ] {
            let document = format!(
                r#"{{"issuer":"https://h","introspection_endpoint":"{url}","mtls_endpoint_aliases":{{"introspection_endpoint":"{url}"}}}}"#
            );
            let metadata = ServerMetadata::parse(&issuer, document.as_bytes()).unwrap();
            let read = is_read.then_some(url);
            assert_eq!(metadata.introspection_endpoint.as_deref(), read);
            assert_eq!(metadata.mtls_introspection_endpoint.as_deref(), read);
        }
    }

    /// MD-10
    #[test]
    fn listed_grants_are_read() {
        let issuer = Issuer::new("https://h").unwrap();
        let leaves_out = |grants: &str| {
            let document = format!(r#"{{"issuer":"https://h","grant_types_supported":{grants}}}"#);
            let metadata = ServerMetadata::parse(&issuer, document.as_bytes()).unwrap();
            metadata.leaves_out_grant("urn:x")
        };
        assert!(leaves_out(r#"["authorization_code","urn:X"]"#));
        assert!(leaves_out("[]"));
        for none in [r#"["urn:x"]"#, "null", "7", r#""urn:y""#, r#"["a",7]"#] {
            assert!(!leaves_out(none), "{none}");
        }
    }
}
