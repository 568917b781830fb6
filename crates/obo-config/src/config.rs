use obo::{
    BearerAuthLayer, ConfigError, Destinations, ProtectedResource, ResourceServer, TokenExchange,
};
use serde::Deserialize;

use crate::client::ClientConfig;
use crate::destination::DestinationsConfig;
use crate::exchange::ExchangeConfig;
use crate::protected_resource::ProtectedResourceConfig;
use crate::resource_server::ResourceServerConfig;
use crate::rules::{Rules, RulesConfig};
use crate::setup::Setup;

/// Both sides of a service in one file.
///
/// | key | meaning |
/// | --- | --- |
/// | `resource_server` | whom it trusts: a [`ResourceServerConfig`] |
/// | `client`, `clients` | who it is at authorization servers: a [`ClientConfig`], and a list of more with their issuers |
/// | `exchange` | where tokens are exchanged: an [`ExchangeConfig`] |
/// | `destinations` | whom it calls: a [`DestinationsConfig`] |
/// | `rules` | who may do what: a [`RulesConfig`] |
/// | `protected_resource` | its metadata for clients: a [`ProtectedResourceConfig`] |
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    resource_server: ResourceServerConfig,
    client: Option<ClientConfig>,
    #[serde(default)]
    clients: Vec<ClientConfig>,
    exchange: Option<ExchangeConfig>,
    destinations: Option<DestinationsConfig>,
    rules: Option<RulesConfig>,
    protected_resource: Option<ProtectedResourceConfig>,
}

/// What a [`Config`] builds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Built {
    /// Validates tokens; [`ResourceServer::start`] fetches the keys of issuers that are not lazy.
    pub resource_server: ResourceServer,
    /// Exchanges tokens.
    pub exchange: Option<TokenExchange>,
    /// The services that it calls.
    pub destinations: Option<Destinations>,
    /// Who may do what.
    pub rules: Option<Rules>,
    /// The metadata for clients.
    pub protected_resource: Option<ProtectedResource>,
}

impl Config {
    /// Builds both sides.
    ///
    /// # Errors
    ///
    /// The first mistake; the field is a path like `resource_server.issuers[1].leeway`.
    pub fn build(self, setup: &mut Setup) -> Result<Built, ConfigError> {
        setup.clients(self.client, self.clients)?;
        let within = |place: &'static str| move |error: ConfigError| error.within(place);
        if self.destinations.is_some() && self.exchange.is_none() {
            let problem = "is missing, and [[destinations]] need one; add [exchange] with the `issuer` of the \
                           authorization server that exchanges tokens";
            return Err(ConfigError::new("exchange", problem));
        }
        // The exchange comes first: a client without an issuer is the client there.
        let exchange = self.exchange.map(|exchange| exchange.build(setup));
        let exchange = exchange.transpose().map_err(within("exchange"))?;
        let server = self.resource_server.build(setup);
        let server = server.map_err(within("resource_server"))?;
        let destinations = self.destinations.map(|list| list.build(setup));
        let trusted: Vec<_> = server.issuers().cloned().collect();
        let rules = self.rules.map(|rules| rules.build(&trusted));
        let resource = self.protected_resource.map(|it| it.build(&server));
        Ok(Built {
            exchange,
            destinations: destinations.transpose()?,
            rules: rules.transpose()?,
            protected_resource: (resource.transpose()).map_err(within("protected_resource"))?,
            resource_server: server,
        })
    }
}

impl Built {
    /// The layer that validates tokens, with the public paths of the rules and the metadata for clients.
    pub fn auth_layer(&self) -> BearerAuthLayer {
        let mut layer = BearerAuthLayer::new(self.resource_server.clone());
        if let Some(resource) = &self.protected_resource {
            layer = layer.protected_resource(resource);
        }
        match &self.rules {
            Some(rules) => layer.public_paths(rules.table.public_paths()),
            None => layer,
        }
    }
}
