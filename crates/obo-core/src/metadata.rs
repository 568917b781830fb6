//! Authorization server metadata (RFC 8414 section 2, OpenID Connect Discovery section 3).

use crate::error::ConfigError;
use crate::token::issuer::{Issuer, absolute, https_or_loopback};
use crate::wire::json;

/// The endpoints of an authorization server.
///
/// An endpoint is `None` if the document does not have it or if it cannot be used, for example
/// because it is plain `http`. A service needs only some of them. [`missing`](Self::missing) says
/// why one is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMetadata {
    /// The URL of the key set.
    pub jwks_uri: Option<String>,
    /// The URL of the token endpoint.
    pub token_endpoint: Option<String>,
    /// The URL of the token endpoint for clients that authenticate by their TLS certificate, if
    /// different (RFC 8705 section 5).
    pub mtls_token_endpoint: Option<String>,
    /// The URL of the introspection endpoint (RFC 7662 section 2).
    pub introspection_endpoint: Option<String>,
    /// The URL of the introspection endpoint for clients that authenticate by their TLS
    /// certificate, if different.
    pub mtls_introspection_endpoint: Option<String>,
    /// The grants that the document lists, if any (RFC 8414 section 2).
    pub grant_types: Option<Vec<String>>,
    /// The algorithms of DPoP proofs that the document lists, if any (RFC 9449 section 5.1).
    pub dpop_algorithms: Option<Vec<String>>,
    /// Whether the document says that tokens can be bound to certificates (RFC 8705 section 3.3).
    pub binds_to_certificates: bool,
    /// Members of the document that cannot be used, and why.
    unusable: Vec<(&'static str, String)>,
    may_be_plain: bool,
}

impl ServerMetadata {
    /// Metadata without a discovery document.
    ///
    /// # Errors
    ///
    /// Fails if an endpoint is neither `https` nor on loopback.
    pub fn new(jwks_uri: Option<&str>, token_endpoint: Option<&str>) -> Result<Self, ConfigError> {
        Self::default().with(jwks_uri, token_endpoint)
    }

    /// Metadata without a discovery document, whose endpoints may use plain `http` on any host. For
    /// an issuer of [`Issuer::danger_http`].
    ///
    /// Anyone on the network can then read secrets and tokens and replace the keys. It also applies
    /// to endpoints that are added later.
    ///
    /// # Errors
    ///
    /// Fails if an endpoint is neither `https` nor `http`.
    pub fn danger_http(
        jwks_uri: Option<&str>,
        token_endpoint: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let plain = Self {
            may_be_plain: true,
            ..Self::default()
        };
        plain.with(jwks_uri, token_endpoint)
    }

    fn with(
        self,
        jwks_uri: Option<&str>,
        token_endpoint: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let checked =
            |field, url: Option<&str>| url.map(|url| self.checked(field, url)).transpose();
        let (jwks_uri, token_endpoint) = (
            checked("jwks_uri", jwks_uri)?,
            checked("token_endpoint", token_endpoint)?,
        );
        Ok(Self {
            jwks_uri,
            token_endpoint,
            ..self
        })
    }

    fn checked(&self, field: &'static str, url: &str) -> Result<String, ConfigError> {
        let checked = match self.may_be_plain {
            true => absolute(field, url, |_| true),
            false => https_or_loopback(field, url),
        };
        checked.map(|_| url.to_owned())
    }

    /// Sets the introspection endpoint.
    ///
    /// # Errors
    ///
    /// Fails if it is neither `https` nor on loopback.
    pub fn with_introspection_endpoint(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            introspection_endpoint: Some(self.checked("introspection_endpoint", url)?),
            ..self
        })
    }

    /// Sets the token endpoint for clients that authenticate by their TLS certificate (RFC 8705
    /// section 5).
    ///
    /// # Errors
    ///
    /// Fails if it is neither `https` nor on loopback.
    pub fn with_mtls_token_endpoint(self, url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            mtls_token_endpoint: Some(self.checked("mtls_endpoint_aliases.token_endpoint", url)?),
            ..self
        })
    }

    /// Whether the document lists its grants without this one.
    pub fn leaves_out_grant(&self, grant_type: &str) -> bool {
        let grants = self.grant_types.as_ref();
        grants.is_some_and(|grants| !grants.iter().any(|grant| grant == grant_type))
    }

    /// Whether the document has this member, but it cannot be used.
    pub fn is_unusable(&self, member: &str) -> bool {
        self.unusable.iter().any(|(name, _)| *name == member)
    }

    /// Why a member such as `jwks_uri` is `None`.
    pub fn missing(&self, member: &'static str) -> ConfigError {
        let unusable = self.unusable.iter().find(|(name, _)| *name == member);
        let problem = match unusable {
            Some((_, problem)) => format!("the metadata has one that cannot be used: {problem}"),
            None => format!("the metadata has no `{member}`"),
        };
        ConfigError::new(member, problem)
    }

    /// Reads a discovery document. Nothing of it is used unless its `issuer` is exactly `expected`.
    ///
    /// A member that cannot be used counts as absent; see [`missing`](Self::missing).
    ///
    /// # Errors
    ///
    /// Fails if the text is not a JSON object with this `issuer`.
    pub fn parse(expected: &Issuer, document: &[u8]) -> Result<Self, ConfigError> {
        let names = [
            "issuer",
            "jwks_uri",
            "token_endpoint",
            "introspection_endpoint",
            "mtls_endpoint_aliases",
            "grant_types_supported",
            "dpop_signing_alg_values_supported",
            "tls_client_certificate_bound_access_tokens",
        ];
        let read = json::pick(document, names)
            .and_then(|[issuer, members @ ..]| Some((json::text(issuer?)?, members)));
        let (issuer, members) = read.ok_or_else(|| {
            let mark = json::mark(document);
            let problem =
                format!("the discovery document is not a JSON object with a string `issuer`{mark}");
            ConfigError::new("metadata", problem)
        })?;
        if issuer != expected.as_str() {
            return Err(other_issuer(expected, &issuer));
        }
        let [
            jwks_uri,
            token_endpoint,
            introspection_endpoint,
            aliases,
            grants,
            dpop,
            certificates,
        ] = members;
        let mut unusable = Vec::new();
        let mut place = |member: &'static str, value: Option<&str>| {
            let read = match json::text(value?) {
                Some(url) => expected.endpoint(member, &url).map(|_| url.into()),
                None => Err(ConfigError::new(member, "it is not a string")),
            };
            read.map_err(|error| unusable.push((member, error.problem().to_owned())))
                .ok()
        };
        let names = ["token_endpoint", "introspection_endpoint"];
        let aliases = aliases.and_then(|aliases| json::pick(aliases.as_bytes(), names));
        let [mtls_token_endpoint, mtls_introspection_endpoint] = aliases.unwrap_or_default();
        // They only explain a refusal, so a malformed list counts as absent.
        let list = |json: Option<&str>| json.and_then(|json| serde_json::from_str(json).ok());
        Ok(Self {
            grant_types: list(grants),
            dpop_algorithms: list(dpop),
            binds_to_certificates: certificates == Some("true"),
            jwks_uri: place("jwks_uri", jwks_uri),
            token_endpoint: place("token_endpoint", token_endpoint),
            introspection_endpoint: place("introspection_endpoint", introspection_endpoint),
            mtls_token_endpoint: place("mtls_endpoint_aliases.token_endpoint", mtls_token_endpoint),
            mtls_introspection_endpoint: place(
                "mtls_endpoint_aliases.introspection_endpoint",
                mtls_introspection_endpoint,
            ),
            unusable,
            may_be_plain: false,
        })
    }
}

/// How many characters of a document's `issuer` an error quotes.
const MAX_QUOTED: usize = 256;

/// Quotes both spellings: usually it is one server with two spellings.
fn other_issuer(expected: &Issuer, seen: &str) -> ConfigError {
    let without_slash = |issuer: &str| issuer.strip_suffix('/').unwrap_or(issuer).to_owned();
    let hint = match without_slash(seen) == without_slash(expected.as_str()) {
        true => "they differ only in the slash at the end; ",
        false => "",
    };
    let seen: String = seen.chars().take(MAX_QUOTED).collect();
    ConfigError::new(
        "issuer",
        format!(
            "the discovery document is of another issuer: it has {seen:?}, and {:?} is configured; {hint}configure the issuer exactly as the server spells it",
            expected.as_str()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MD-01
    #[test]
    fn foreign_document_is_rejected() {
        let issuer = Issuer::new("https://h/t").unwrap();
        for other in ["https://h/t/", "https://H/t", "https://h"] {
            let document = format!(r#"{{"issuer":"{other}","jwks_uri":"https://h/jwks"}}"#);
            let error = ServerMetadata::parse(&issuer, document.as_bytes()).unwrap_err();
            assert_eq!(error.field(), "issuer");
        }
    }

    /// MD-07, TE-01
    #[test]
    fn endpoints_are_https_or_loopback() {
        let issuer = Issuer::new("https://h").unwrap();
        for (member, bad) in [
            ("jwks_uri", "http://h/jwks"),
            ("jwks_uri", "file:///jwks"),
            ("token_endpoint", "http://h/token"),
        ] {
            let document = format!(r#"{{"issuer":"https://h","{member}":"{bad}"}}"#);
            let metadata = ServerMetadata::parse(&issuer, document.as_bytes()).unwrap();
            assert_eq!(
                (metadata.jwks_uri.as_ref(), metadata.token_endpoint.as_ref()),
                (None, None)
            );
            let error = metadata.missing(member);
            assert_eq!(error.field(), member);
            assert!(error.to_string().contains("https"), "{error}");
        }
    }

    /// MD-08
    #[test]
    fn unusable_member_counts_as_absent() {
        let issuer = Issuer::new("https://h").unwrap();
        let members = [
            "jwks_uri",
            "token_endpoint",
            "introspection_endpoint",
            "mtls_endpoint_aliases",
        ];
        for odd in members {
            for value in [
                "42",
                "null",
                "\"\"",
                "\"/x\"",
                "\"http://in/x\"",
                "[]",
                "{}",
                "1e999",
                "true",
            ] {
                let member = |name: &&str| {
                    match (*name == odd, *name) {
                    (true, name) => format!(r#""{name}":{value}"#),
                    (false, "mtls_endpoint_aliases") => {
                        r#""mtls_endpoint_aliases":{"token_endpoint":"https://m/t","introspection_endpoint":"https://m/i"}"#.to_owned()
                    }
                    (false, name) => format!(r#""{name}":"https://h/{name}""#),
                }
                };
                let rest = Vec::from_iter(members.iter().map(member)).join(",");
                let document = format!(r#"{{"issuer":"https://h",{rest}}}"#);
                let read = ServerMetadata::parse(&issuer, document.as_bytes()).unwrap();
                let found = [
                    read.jwks_uri.is_some(),
                    read.token_endpoint.is_some(),
                    read.introspection_endpoint.is_some(),
                    read.mtls_token_endpoint.is_some(),
                ];
                assert_eq!(found, members.map(|name| name != odd), "{document}");
                assert_eq!(read.mtls_introspection_endpoint.is_some(), found[3]);
                assert_eq!(read.missing(odd).field(), odd);
            }
        }
    }

    /// MD-01
    #[test]
    fn another_issuer_is_quoted_as_spelled() {
        let issuer = Issuer::new("https://h/t").unwrap();
        let error = |other: &str| {
            let document = serde_json::json!({ "issuer": other }).to_string();
            let error = ServerMetadata::parse(&issuer, document.as_bytes());
            error.unwrap_err().to_string()
        };
        let slash = error("https://h/t/");
        assert!(
            slash.contains("\"https://h/t/\"") && slash.contains("\"https://h/t\""),
            "{slash}"
        );
        assert!(slash.contains("slash at the end"), "{slash}");
        let other = error("https://evil\n\u{1b}");
        assert!(
            !other.contains("slash") && !other.contains(char::is_control),
            "{other}"
        );
        assert!(error(&"x".repeat(100_000)).len() < 1000);
    }

    /// MD-09
    #[test]
    fn plain_http_endpoints_need_danger() {
        let (keys, token) = ("http://idp:8080/keys", "http://idp:8080/token");
        ServerMetadata::new(Some(keys), None).unwrap_err();
        let plain = ServerMetadata::danger_http(Some(keys), Some(token)).unwrap();
        let plain = plain
            .with_introspection_endpoint("http://idp:8080/ask")
            .unwrap();
        assert_eq!(
            plain.introspection_endpoint.as_deref(),
            Some("http://idp:8080/ask")
        );
        ServerMetadata::danger_http(Some("ftp://idp/keys"), None).unwrap_err();
    }

    /// MD-08
    #[test]
    fn exchange_grant_need_not_be_listed() {
        let issuer = Issuer::new("https://h").unwrap();
        let document = br#"{"issuer":"https://h","token_endpoint":"https://h/token","grant_types_supported":["authorization_code"]}"#;
        let metadata = ServerMetadata::parse(&issuer, document).unwrap();
        assert_eq!(metadata.token_endpoint.as_deref(), Some("https://h/token"));
    }

    /// MT-07
    #[test]
    fn mtls_alias_follows_same_rule() {
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

    /// IN-01, MT-07
    #[test]
    fn introspection_endpoint_is_read() {
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

    #[test]
    fn bindings_of_tokens_are_read() {
        let read = |more: &str| {
            let issuer = Issuer::new("https://h").unwrap();
            let document = format!(r#"{{"issuer":"https://h"{more}}}"#);
            let read = ServerMetadata::parse(&issuer, document.as_bytes()).unwrap();
            (read.dpop_algorithms, read.binds_to_certificates)
        };
        assert_eq!(read(""), (None, false));
        let listed = r#","dpop_signing_alg_values_supported":["ES256","EdDSA"]"#;
        let listed = read(listed).0.unwrap();
        assert_eq!(listed, ["ES256", "EdDSA"]);
        let member = |value| {
            read(&format!(
                r#","tls_client_certificate_bound_access_tokens":{value}"#
            ))
            .1
        };
        assert!(member("true") && !member("false") && !member("\"true\"") && !member("null"));
        assert_eq!(
            read(r#","dpop_signing_alg_values_supported":"ES256""#).0,
            None
        );
    }
}
