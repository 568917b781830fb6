//! The file of `obo idp`.

use std::collections::BTreeMap;

use http::Uri;
use obo::ConfigError;
use obo_config::{SecretConfig, Settings, Span, unquoted};
use serde::Deserialize;
use serde_json::Value;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IdpConfig {
    pub(crate) port: u16,
    pub(crate) page: u16,
    pub(crate) issuer_path: String,
    pub(crate) token_lifetime: Option<Span>,
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<ClientConfig>,
}

/// A user, and what its tokens have.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) audience: Option<String>,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) claims: BTreeMap<String, Value>,
}

/// A client, and what it may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientConfig {
    pub(crate) id: String,
    pub(crate) secret: SecretConfig,
    /// The targets of its exchanges.
    #[serde(default)]
    pub(crate) exchange_to: Vec<String>,
    /// The targets of its own tokens.
    #[serde(default)]
    pub(crate) request: Vec<String>,
    /// The audiences whose tokens it may introspect.
    #[serde(default)]
    pub(crate) introspect: Vec<String>,
    /// Where it receives logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.2).
    pub(crate) backchannel_logout_uri: Option<String>,
}

/// The file that is used without one.
pub(crate) const DEFAULT: &str = r#"
[[users]]
name = "alice"
audience = "service-a"
scopes = ["orders:read", "orders:write"]

[[users]]
name = "bob"
audience = "service-a"
scopes = ["orders:read"]

[[clients]]
id = "service-a"
secret = "secret"
exchange_to = ["service-b"]
request = ["service-b"]
introspect = ["service-a"]
backchannel_logout_uri = "http://127.0.0.1:8080/backchannel-logout"
"#;

/// The secret of the client in [`DEFAULT`].
pub(crate) const DEFAULT_SECRET: &str = "secret";

impl Default for IdpConfig {
    fn default() -> Self {
        Self {
            port: 9000,
            page: 9001,
            issuer_path: String::new(),
            token_lifetime: None,
            users: Vec::new(),
            clients: Vec::new(),
        }
    }
}

impl IdpConfig {
    /// Reads the text of a file.
    pub(crate) fn read(text: &str) -> Result<Self, ConfigError> {
        let file: Settings = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = 1 + before.unwrap_or_default().matches('\n').count();
            unquoted(error.message()).at(format!("line {line}"))
        })?;
        let config: Self = file.read()?;
        let path = &config.issuer_path;
        if !path.is_empty() && (!path.starts_with('/') || path.ends_with('/')) {
            let problem = "must start with a slash and not end with one, such as \"/realms/dev\"";
            return Err(ConfigError::new("issuer_path", problem));
        }
        for (i, client) in config.clients.iter().enumerate() {
            let uri = client.backchannel_logout_uri.as_deref();
            let uri = uri.map(|uri| {
                uri.parse::<Uri>()
                    .ok()
                    .filter(|uri| uri.authority().is_some())
            });
            // It sends without TLS.
            if let Some(uri) = uri
                && uri.is_none_or(|uri| uri.scheme_str() != Some("http"))
            {
                let problem = "is not an http URL; write one such as \"http://127.0.0.1:8080/backchannel-logout\"";
                let field = format!("clients[{i}].backchannel_logout_uri");
                return Err(ConfigError::new("", problem).at(field));
            }
        }
        Ok(config)
    }
}
