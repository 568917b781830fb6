use obo::{
    BearerAuthLayer, ConfigError, Destinations, ProtectedResource, ResourceServer, RuleTable,
    TokenExchange,
};
use serde::Deserialize;

use crate::client::ClientConfig;
use crate::destination::DestinationsConfig;
use crate::exchange::ExchangeConfig;
use crate::protected_resource::ProtectedResourceConfig;
use crate::resource_server::ResourceServerConfig;
use crate::rules::RulesConfig;
use crate::setup::Setup;

/// The inbound and the outbound side of a service in one file.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `resource_server` | required | the issuers that are trusted: a [`ResourceServerConfig`] |
/// | `client` | none | the client at the authorization server: a [`ClientConfig`] |
/// | `clients` | none | a list of further clients, each with its `issuer` |
/// | `exchange` | none | the server that exchanges tokens: an [`ExchangeConfig`] |
/// | `destinations` | none | the called services: a [`DestinationsConfig`]; requires `exchange` |
/// | `rules` | none | who may do what: a [`RulesConfig`] |
/// | `protected_resource` | none | the metadata for clients: a [`ProtectedResourceConfig`] |
///
/// The crate page has an example.
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

/// The handles that [`Config::build`] makes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Built {
    /// Validates tokens. [`ResourceServer::start`] fetches the keys of issuers with `lazy = false`.
    pub resource_server: ResourceServer,
    /// Exchanges tokens.
    pub exchange: Option<TokenExchange>,
    /// The services that are called.
    pub destinations: Option<Destinations>,
    /// Who may do what.
    pub rules: Option<RuleTable>,
    /// The metadata for clients.
    pub protected_resource: Option<ProtectedResource>,
}

impl Config {
    /// Builds both sides. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// Returns the first mistake. Its field is a path such as `resource_server.issuers[1].leeway`.
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
    /// Makes the layer that validates tokens. It knows the public paths of the rules and the
    /// metadata for clients.
    pub fn auth_layer(&self) -> BearerAuthLayer {
        let mut layer = BearerAuthLayer::new(self.resource_server.clone());
        if let Some(resource) = &self.protected_resource {
            layer = layer.protected_resource(resource);
        }
        match &self.rules {
            Some(rules) => layer.public_paths(rules.public_paths()),
            None => layer,
        }
    }
}
