use std::net::SocketAddr;

use obo::{Client, ClientConfig, ConfigError, ResourceServer, ResourceServerConfig};
use serde::Deserialize;

use super::route_config::RouteConfig;

/// The configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    listen: SocketAddr,
    resource_server: ResourceServerConfig,
    client: Option<ClientConfig>,
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

    /// Who this service is where it asks for tokens, and about them.
    pub(super) fn client(&self) -> Result<Option<Client>, ConfigError> {
        let client = self.client.clone().map(ClientConfig::build).transpose();
        client.map_err(|error| match error.field() {
            "client" => error,
            _ => error.within("client"),
        })
    }

    /// Whose tokens are accepted; issuers are asked about them as `client`, unless they name another.
    pub(super) fn resource_server(
        &self,
        client: Option<&Client>,
    ) -> Result<ResourceServer, ConfigError> {
        let server = self.resource_server.clone();
        let server = match client {
            Some(client) => server.client(client.clone()),
            None => server,
        };
        server
            .build()
            .map_err(|error| error.within("resource_server"))
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
