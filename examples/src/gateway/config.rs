use std::net::SocketAddr;

use obo::{ClientConfig, ConfigError, ResourceServerConfig};
use serde::Deserialize;

use super::route_config::RouteConfig;

/// The configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    listen: SocketAddr,
    pub(super) resource_server: ResourceServerConfig,
    pub(super) client: Option<ClientConfig>,
    pub(super) routes: Vec<RouteConfig>,
}

impl Config {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// What is wrong by itself. It names the line or the field, and quotes no value: it may be a secret.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file = toml::Deserializer::parse(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = 1 + before.unwrap_or_default().matches('\n').count();
            ConfigError::new("", unquoted(error.message())).at(format!("line {line}"))
        })?;
        serde_path_to_error::deserialize(file).map_err(|error| {
            let path = match error.path().iter().next() {
                Some(_) => error.path().to_string(),
                None => "the file".to_owned(),
            };
            ConfigError::new("", unquoted(error.inner().message())).at(path)
        })
    }

    /// Where to listen.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }
}

/// A message of serde without the value that it found.
fn unquoted(message: &str) -> String {
    let is_quoting = ["invalid type", "invalid value", "invalid length"]
        .iter()
        .any(|start| message.starts_with(start));
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if is_quoting => format!("write {expected} here"),
        _ => message.to_owned(),
    }
}
