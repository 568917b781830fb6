use std::net::SocketAddr;

use obo::ConfigError;
use obo_config::{
    AuditConfig, BindingConfig, ClientConfig, ProtectedResourceConfig, ReceiverConfig,
    ReceiversConfig, ResourceServerConfig, Settings, SharedConfig, unquoted,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::caller_headers::CallerHeaders;
use super::limits::Limits;
use super::probes::ProbesConfig;
use super::route_config::RouteConfig;

/// The configuration of a gateway, read from a TOML file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(deserialize_with = "address")]
    listen: SocketAddr,
    pub(super) resource_server: ResourceServerConfig,
    pub(super) client: Option<ClientConfig>,
    #[serde(default)]
    pub(super) clients: Vec<ClientConfig>,
    pub(super) protected_resource: Option<ProtectedResourceConfig>,
    pub(super) audit: Option<AuditConfig>,
    pub(super) binding: Option<BindingConfig>,
    pub(super) shared: Option<SharedConfig>,
    logout: Option<ReceiverConfig>,
    signals: Option<ReceiverConfig>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) headers: CallerHeaders,
    #[serde(default)]
    pub(super) probes: ProbesConfig,
    routes: Vec<Settings>,
    #[serde(skip)]
    pub(super) read_routes: Vec<RouteConfig>,
}

impl Config {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Fails if the file or one of its values is wrong. The field is the line or the path of the
    /// key. The message quotes no value, because it may be a secret.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: Settings = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = 1 + before.unwrap_or_default().matches('\n').count();
            unquoted(error.message()).at(format!("line {line}"))
        })?;
        let mut config: Self = file.read().map_err(|error| match error.field() {
            "" => error.at("the file"),
            _ => error,
        })?;
        (config.probes.check()).map_err(|error| error.within("probes"))?;
        if config
            .binding
            .as_ref()
            .is_some_and(BindingConfig::uses_connection)
        {
            let problem = "is \"connection\", but this gateway has no TLS of its own; write the header of the proxy \
                           that has";
            return Err(ConfigError::new("certificate", problem).within("binding"));
        }
        config.headers.hide_certificate(config.binding.as_ref());
        for (i, route) in std::mem::take(&mut config.routes).into_iter().enumerate() {
            let within = |error: ConfigError| error.within(&format!("routes[{i}]"));
            let route = RouteConfig::read(route).map_err(within)?;
            let path = &route.path;
            if config.read_routes.iter().any(|other| other.path == *path) {
                let problem = format!("another route has the path \"{path}\"; remove one");
                return Err(within(ConfigError::new("path", problem)));
            }
            if let Some(probe) = config.probes.at(path.as_str()) {
                let problem = format!("is the path of `probes.{probe}` too; choose another path");
                return Err(within(ConfigError::new("path", problem)));
            }
            config.read_routes.push(route);
        }
        if config.read_routes.is_empty() {
            let problem = "is empty, so nothing would be served; add at least one route";
            return Err(ConfigError::new("routes", problem));
        }
        config.receivers().check(|path| config.owner(path))?;
        Ok(config)
    }

    /// What else has a path.
    fn owner(&self, path: &str) -> Option<String> {
        let mut routes = self.read_routes.iter();
        match routes.position(|route| route.path.as_str() == path) {
            Some(route) => Some(format!("`routes[{route}]`")),
            None => (self.probes.at(path)).map(|probe| format!("`probes.{probe}`")),
        }
    }

    /// Takes what replicas share out of the configuration, for tools that check it without a store.
    pub fn take_shared(&mut self) -> Option<SharedConfig> {
        self.shared.take()
    }

    /// Returns which bound tokens are accepted.
    pub fn binding(&self) -> Option<&BindingConfig> {
        self.binding.as_ref()
    }

    /// Returns the receivers of logouts and events.
    pub fn receivers(&self) -> ReceiversConfig {
        ReceiversConfig {
            logout: self.logout.clone(),
            signals: self.signals.clone(),
        }
    }

    /// Returns the address to listen on.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        // Another text may be a secret in the wrong place.
        let is_address = |c: char| c.is_ascii_digit() || ".:[]".contains(c);
        let numbers = text.strip_prefix("localhost").unwrap_or(&text);
        let seen = match numbers.len() <= 24 && numbers.chars().all(is_address) {
            true => format!("{text:?} is"),
            false => "is".to_owned(),
        };
        D::Error::custom(format!(
            "{seen} not an IP address with a port; write one such as \"127.0.0.1:8080\" or \"0.0.0.0:8080\""
        ))
    })
}
