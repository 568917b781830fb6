use obo::fleet::Fleet;
use obo::{
    BearerAuthLayer, ConfigError, Destinations, ProtectedResource, ResourceServer, RuleTable,
    TokenExchange,
};
use serde::Deserialize;

use crate::audit::AuditConfig;
use crate::binding::BindingConfig;
use crate::client::ClientConfig;
use crate::destination::DestinationsConfig;
use crate::exchange::ExchangeConfig;
use crate::protected_resource::ProtectedResourceConfig;
use crate::receiver::{ReceiverConfig, Receivers, ReceiversConfig};
use crate::resource_server::ResourceServerConfig;
use crate::rules::RulesConfig;
use crate::setup::Setup;
use crate::shared::SharedConfig;

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
/// | `audit` | pseudonyms | how audit records name users: an [`AuditConfig`] |
/// | `binding` | none | which bound tokens are accepted: a [`BindingConfig`] |
/// | `shared` | none | what replicas share: a [`SharedConfig`] |
/// | `logout` | none | where issuers send logout tokens: a [`ReceiverConfig`] |
/// | `signals` | none | where issuers send security events: a [`ReceiverConfig`] |
///
/// With `logout` or `signals` and without `shared`, a logout reaches this process only.
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
    audit: Option<AuditConfig>,
    binding: Option<BindingConfig>,
    shared: Option<SharedConfig>,
    logout: Option<ReceiverConfig>,
    signals: Option<ReceiverConfig>,
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
    /// What replicas share. Call [`Fleet::start`] before the service takes requests.
    pub fleet: Option<Fleet>,
    /// Receives logouts and other events. Serve them outside the layer that validates tokens.
    pub receivers: Receivers,
}

impl Config {
    /// Takes what replicas share out of the configuration, for programs that keep a
    /// [`Fleet`] while they read the file again: give it to [`Setup::fleet`].
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

    /// Builds both sides. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// Returns the first mistake. Its field is a path such as `resource_server.issuers[1].leeway`.
    pub fn build(self, setup: &mut Setup) -> Result<Built, ConfigError> {
        let receivers = self.receivers();
        setup.clients(self.client, self.clients)?;
        setup.audit(self.audit)?;
        setup.shared(self.shared)?;
        setup.binding(self.binding)?;
        // Before the server, which revokes tokens with it.
        if receivers.iter().next().is_some() {
            setup.require_fleet()?;
        }
        let within = |place: &'static str| move |error: ConfigError| error.within(place);
        if self.destinations.is_some() && self.exchange.is_none() {
            let problem = "is missing, and [[destinations]] need one; add [exchange] with the `issuer` of the \
                           authorization server that exchanges tokens";
            return Err(ConfigError::new("exchange", problem));
        }
        // The exchange comes first: a client without an issuer is the client there.
        let is_bound =
            (self.destinations.as_ref()).is_some_and(DestinationsConfig::binds_certificate);
        let exchange = self.exchange.clone().map(|exchange| match is_bound {
            true => exchange.bind_certificate().build(setup),
            false => exchange.build(setup),
        });
        let exchange = exchange.transpose().map_err(within("exchange"))?;
        if let Some((destinations, exchange)) = self.destinations.as_ref().zip(self.exchange) {
            destinations.check(&exchange, setup)?;
        }
        let server = self.resource_server.build(setup);
        let server = server.map_err(within("resource_server"))?;
        let destinations = self.destinations.map(|list| list.build(setup));
        let trusted: Vec<_> = server.issuers().cloned().collect();
        let rules = self.rules.map(|rules| rules.build(&trusted));
        let rules = rules.transpose()?;
        let resource = self.protected_resource.map(|it| it.build(&server));
        let resource = resource.transpose().map_err(within("protected_resource"))?;
        receivers.check(|path| {
            let mut listed = rules.iter().flat_map(|rules| rules.matching(path));
            let is_rule = listed.any(|listed| listed.as_str() == path);
            let is_metadata = (resource.iter()).any(|it| it.well_known_path() == path);
            match (is_rule, is_metadata) {
                (true, _) => Some("a rule".to_owned()),
                (false, true) => Some("the metadata of `protected_resource`".to_owned()),
                (false, false) => None,
            }
        })?;
        Ok(Built {
            exchange,
            destinations: destinations.transpose()?,
            rules,
            protected_resource: resource,
            receivers: receivers.build(&server, setup)?,
            resource_server: server,
            fleet: setup.fleet.clone(),
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
