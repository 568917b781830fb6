use obo::caller::ActorId;
use obo::path::PathPattern;
use obo::require::Principal;
use obo::{ConfigError, Issuer, Rule};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::exchange_config::ExchangeConfig;
use super::timeouts::{Timeout, Timeouts};

/// One of the `routes`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteConfig {
    #[serde(deserialize_with = "pattern")]
    pub(super) path: PathPattern,
    scopes: Option<Vec<String>>,
    issuers: Option<Vec<Issuer>>,
    actors: Option<Vec<ActorConfig>>,
    #[serde(default)]
    require_actor: bool,
    pub(super) upstream: Option<String>,
    pub(super) exchange: Option<ExchangeConfig>,
    #[serde(default)]
    pub(super) danger_plaintext: bool,
    timeout: Option<Timeout>,
    stream_timeout: Option<Timeout>,
    #[serde(default)]
    pub(super) public: bool,
    #[serde(default)]
    pub(super) preflight: bool,
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
    /// Refuses what does not go together.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let problem = |field, problem| Err(ConfigError::new(field, problem));
        let asks = self.scopes.is_some() || self.actors.is_some() || self.require_actor;
        match (&self.upstream, &self.exchange) {
            (Some(_), Some(_)) if self.public => problem(
                "exchange",
                "is there beside `public`, whose requests have no token to exchange; leave one out",
            ),
            (_, None) if self.public && asks => problem(
                "public",
                "is there beside `scopes`, `actors` or `require_actor`, which need a token; leave one out",
            ),
            (Some(_), None) if !self.public => problem(
                "exchange",
                "is missing: an upstream is called on behalf of the caller alone; say at which `issuer` the token is \
                 exchanged and for which `audience`",
            ),
            (None, Some(_)) => problem(
                "upstream",
                "is missing: there is an `exchange`; say where its token is for",
            ),
            (None, None) if self.public || self.preflight => problem(
                "upstream",
                "is missing: `public` and `preflight` are about what it is asked without a token",
            ),
            (None, None) if self.is_about_upstream() => problem(
                "upstream",
                "is missing: `danger_plaintext`, `timeout` and `stream_timeout` are about one",
            ),
            _ => Ok(()),
        }
    }

    fn is_about_upstream(&self) -> bool {
        self.danger_plaintext || self.timeout.is_some() || self.stream_timeout.is_some()
    }

    pub(super) fn timeouts(&self, slowest: u32) -> Timeouts {
        let silence = self
            .timeout
            .map_or(Timeouts::SILENCE, |Timeout(silence)| silence);
        let stream = self.stream_timeout.map(|Timeout(stream)| stream);
        Timeouts {
            silence,
            stream: stream.unwrap_or(Timeouts::STREAM.max(silence)),
            slowest,
        }
    }

    /// What is required of callers, whose tokens are of one of the `trusted` issuers; `None` if any valid token is enough.
    pub(super) fn rule(&self, trusted: &[Issuer]) -> Result<Option<Rule>, ConfigError> {
        self.check_issuers(trusted)?;
        let scopes = self
            .scopes
            .as_ref()
            .map(|values| Rule::scopes(values).checked());
        let scopes = scopes.transpose().map_err(|error| error.at("scopes"))?;
        let actors = self.actors.as_ref();
        let actors = actors.map(|actors| Rule::actors(actors.iter().map(Principal::from)));
        let actors = match (actors, self.require_actor) {
            // The list is for those who act; a user who calls without a service in between is no matter of it.
            (Some(listed), false) => Some(Rule::any_of([listed, Rule::no_actor()])),
            (None, true) => Some(Rule::any_actor()),
            (listed, _) => listed,
        };
        // A single issuer is the only one that can say who acts.
        let issuers = match &self.issuers {
            None if actors.is_some() && trusted.len() == 1 => Some(trusted),
            listed => listed.as_deref(),
        };
        let issuers = issuers.map(|listed| Rule::issuers(listed.iter().cloned()));
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

impl From<&ActorConfig> for Principal {
    fn from(actor: &ActorConfig) -> Self {
        match actor {
            ActorConfig::Own(name) => name.as_str().into(),
            ActorConfig::Of(Identity { iss, sub }) => {
                ActorId::new(iss.as_str(), sub.as_str()).into()
            }
        }
    }
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathPattern, D::Error> {
    let path = String::deserialize(deserializer)?;
    PathPattern::new(&path).map_err(|error| D::Error::custom(error.problem()))
}
