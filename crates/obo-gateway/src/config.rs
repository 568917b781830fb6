use std::net::SocketAddr;

use obo::config::ResourceServerConfig;
use obo::{ConfigError, ResourceServer};
use serde::Deserialize;

use super::caller_headers::HeadersConfig;
use super::clients::{ClientAt, Clients};
use super::limits::LimitsConfig;
use super::probes::ProbesConfig;
use super::route_config::RouteConfig;

/// The configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    listen: SocketAddr,
    resource_server: ResourceServerConfig,
    client: Option<ClientAt>,
    #[serde(default)]
    clients: Vec<ClientAt>,
    #[serde(default)]
    pub(super) limits: LimitsConfig,
    #[serde(default)]
    pub(super) headers: HeadersConfig,
    #[serde(default)]
    pub(super) probes: ProbesConfig,
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
            ConfigError::unquoted("", error.message()).at(format!("line {line}"))
        })?;
        serde_path_to_error::deserialize(file).map_err(|error| {
            let path = match error.path().iter().next() {
                Some(_) => error.path().to_string(),
                None => "the file".to_owned(),
            };
            ConfigError::unquoted("", error.inner().message()).at(path)
        })
    }

    /// Who this service is, at each authorization server where it exchanges tokens or asks about them.
    pub(super) fn clients(&self) -> Result<Clients, ConfigError> {
        let exchanges = self.routes.iter().enumerate();
        let exchanges =
            exchanges.filter_map(|(i, route)| Some((i, &route.exchange.as_ref()?.issuer)));
        Clients::new(self.client.clone(), self.clients.clone(), exchanges)
    }

    /// Whose tokens are accepted; an issuer is asked about them as its own client.
    pub(super) fn resource_server(&self, clients: &Clients) -> Result<ResourceServer, ConfigError> {
        let server = clients.of_resource_server(self.resource_server.clone());
        server
            .build()
            .map_err(|error| error.within("resource_server"))
    }

    /// Where to listen.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }
}
