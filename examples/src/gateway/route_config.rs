use std::time::Duration;

use obo::{ActorId, ConfigError, Issuer, Party, Rule};
use serde::{Deserialize, Deserializer};

use super::exchange_config::ExchangeConfig;
use super::route_path::RoutePath;

/// One of the `routes`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteConfig {
    pub(super) path: RoutePath,
    scopes: Option<Vec<String>>,
    issuers: Option<Vec<Issuer>>,
    actors: Option<Vec<ActorConfig>>,
    #[serde(default)]
    require_actor: bool,
    pub(super) upstream: Option<String>,
    pub(super) exchange: Option<ExchangeConfig>,
    #[serde(default)]
    pub(super) danger_plaintext: bool,
    pub(super) timeout: Option<Timeout>,
}

/// An actor of the token's own issuer by its name, or any by its full identity.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a name, or { iss, sub }")]
enum ActorConfig {
    Own(String),
    Of(Identity),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    iss: Issuer,
    sub: String,
}

impl RouteConfig {
    /// What is required of callers, whose tokens are of one of the `trusted` issuers; `None` if any valid token is enough.
    pub(super) fn rule(&self, trusted: &[Issuer]) -> Result<Option<Rule>, ConfigError> {
        self.check_issuers(trusted)?;
        let scopes = self.scopes.as_ref().map(Rule::scopes).transpose();
        let scopes = scopes.map_err(|error| error.at("scopes"))?;
        let actors = self
            .actors
            .as_ref()
            .map(|actors| Rule::actors(actors.iter().map(Party::from)))
            .transpose()?;
        let actors = match (actors, self.require_actor) {
            // The list is for those who act; a user who calls without a service in between is no matter of it.
            (Some(listed), false) => Some(Rule::any_of([listed, Rule::no_actor()])?),
            (None, true) => Some(Rule::any_actor()),
            (listed, _) => listed,
        };
        // A single issuer is the only one that can say who acts.
        let issuers = match &self.issuers {
            None if actors.is_some() && trusted.len() == 1 => Some(trusted),
            listed => listed.as_deref(),
        };
        let issuers = issuers
            .map(|listed| Rule::issuers(listed.iter().cloned()))
            .transpose()?;
        Ok(issuers
            .into_iter()
            .chain(scopes)
            .chain(actors)
            .reduce(Rule::and))
    }

    /// Each issuer that is listed must be trusted.
    fn check_issuers(&self, trusted: &[Issuer]) -> Result<(), ConfigError> {
        let mut listed = self.issuers.iter().flatten();
        match listed.find(|issuer| !trusted.contains(issuer)) {
            Some(unknown) => {
                let problem = format!("\"{unknown}\" is not an issuer of the [resource_server]");
                Err(ConfigError::new("issuers", problem))
            }
            None => Ok(()),
        }
    }
}

impl From<&ActorConfig> for Party {
    fn from(actor: &ActorConfig) -> Self {
        match actor {
            ActorConfig::Own(name) => name.as_str().into(),
            ActorConfig::Of(Identity { iss, sub }) => {
                ActorId::new(iss.as_str(), sub.as_str()).into()
            }
        }
    }
}

/// How long nothing may move, such as `"30s"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeout(pub(super) Duration);

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match humantime::parse_duration(&text) {
            Ok(timeout) if !timeout.is_zero() => Ok(Self(timeout)),
            _ => Err(serde::de::Error::custom(
                "is no duration; write one like \"30s\" or \"5m\"",
            )),
        }
    }
}
