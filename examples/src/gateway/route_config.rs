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
    /// What is asked of callers; `None` if any valid token will do.
    pub(super) fn rule(&self) -> Result<Option<Rule>, ConfigError> {
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
        Ok(scopes.into_iter().chain(actors).reduce(Rule::and))
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
