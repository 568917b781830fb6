use std::net::SocketAddr;

use obo::ConfigError;
use obo_config::{ClientConfig, ProtectedResourceConfig, ResourceServerConfig, Settings, unquoted};
use serde::Deserialize;

use super::caller_headers::HeadersConfig;
use super::limits::LimitsConfig;
use super::probes::ProbesConfig;

/// The configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    listen: SocketAddr,
    pub(super) resource_server: ResourceServerConfig,
    pub(super) client: Option<ClientConfig>,
    #[serde(default)]
    pub(super) clients: Vec<ClientConfig>,
    pub(super) protected_resource: Option<ProtectedResourceConfig>,
    #[serde(default)]
    pub(super) limits: LimitsConfig,
    #[serde(default)]
    pub(super) headers: HeadersConfig,
    #[serde(default)]
    pub(super) probes: ProbesConfig,
    pub(super) routes: Vec<Settings>,
}

impl Config {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// What is wrong by itself. It names the line or the field, and quotes no value: it may be a secret.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: Settings = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = 1 + before.unwrap_or_default().matches('\n').count();
            unquoted(error.message()).at(format!("line {line}"))
        })?;
        file.read().map_err(|error| match error.field() {
            "" => error.at("the file"),
            _ => error,
        })
    }

    /// Where to listen.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }
}
