use obo::path::PathPattern;
use obo::{ConfigError, Destination};
use obo_config::{DestinationConfig, ExchangeConfig, RuleConfig, Settings, Setup};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::limits::Positive;
use super::timeouts::Timeouts;

/// One of the `routes`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteConfig {
    #[serde(deserialize_with = "pattern")]
    pub(super) path: PathPattern,
    pub(super) upstream: Option<String>,
    exchange: Option<Settings>,
    #[serde(default)]
    pub(super) danger_plaintext: bool,
    timeout: Option<Positive>,
    stream_timeout: Option<Positive>,
    #[serde(default)]
    pub(super) public: bool,
    #[serde(default)]
    pub(super) preflight: bool,
    #[serde(skip)]
    pub(super) rule: RuleConfig,
    #[serde(skip)]
    pub(super) call: Option<CallConfig>,
}

/// A route's `exchange`.
#[derive(Debug)]
pub(super) struct CallConfig {
    /// The settings that all routes of one issuer share.
    pub(super) shared: Settings,
    /// The server that exchanges callers' tokens.
    pub(super) exchange: ExchangeConfig,
    /// The upstream that the tokens are for.
    pub(super) destination: DestinationConfig,
}

impl RouteConfig {
    /// Reads a route, and rejects keys that conflict.
    pub(super) fn read(mut settings: Settings) -> Result<Self, ConfigError> {
        let rule = settings.take()?;
        let mut route: Self = settings.read()?;
        route.rule = rule;
        route.check()?;
        if let (Some(settings), Some(upstream)) = (route.exchange.take(), &route.upstream) {
            let call = CallConfig::read(settings, upstream);
            let mut call = call.map_err(|error| error.within("exchange"))?;
            if route.danger_plaintext {
                call.destination = call.destination.danger_plaintext();
            }
            route.call = Some(call);
        }
        Ok(route)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let is_about_upstream =
            self.danger_plaintext || self.timeout.is_some() || self.stream_timeout.is_some();
        let (field, problem) = match (&self.upstream, &self.exchange) {
            (Some(upstream), _) if upstream.contains(['{', '}']) => {
                ("upstream", "has braces; write an exact URL")
            }
            (Some(_), Some(_)) if self.public => (
                "exchange",
                "cannot be combined with `public`: a public request has no token to exchange; remove one",
            ),
            (_, None) if self.public && !self.rule.is_empty() => (
                "public",
                "cannot be combined with `scopes`, `actors` or another rule, which require a token; remove one",
            ),
            (Some(_), None) if !self.public => (
                "exchange",
                "is missing: an upstream is called on behalf of the caller only; write the `issuer` that exchanges the \
                 token and the `audience` of the upstream",
            ),
            (None, Some(_)) => (
                "upstream",
                "is missing, but there is an `exchange`; write the URL of the upstream",
            ),
            (None, None) if self.public || self.preflight => (
                "upstream",
                "is missing: `public` and `preflight` require an upstream",
            ),
            (None, None) if is_about_upstream => (
                "upstream",
                "is missing: `danger_plaintext`, `timeout` and `stream_timeout` require an upstream",
            ),
            _ if self.public && !self.path.is_exact() => (
                "path",
                "is a pattern, but `public` requires an exact path; write one route for each path",
            ),
            _ => return Ok(()),
        };
        Err(ConfigError::new(field, problem))
    }

    pub(super) fn timeouts(&self, slowest: u32) -> Timeouts {
        let silence = self.timeout.map_or(Timeouts::SILENCE, Positive::into);
        let stream = self.stream_timeout.map(Positive::into);
        Timeouts {
            silence,
            stream: stream.unwrap_or(Timeouts::STREAM.max(silence)),
            slowest,
        }
    }
}

impl CallConfig {
    fn read(settings: Settings, upstream: &str) -> Result<Self, ConfigError> {
        let mut settings = settings.with("uri", upstream)?;
        let destination = settings.take()?;
        Ok(Self {
            shared: settings.clone(),
            exchange: settings.read()?,
            destination,
        })
    }

    /// Builds the destination, after the exchange.
    pub(super) fn destination(self, setup: &Setup) -> Result<Destination, ConfigError> {
        let destination = self.destination.build(&self.exchange, setup);
        destination.map_err(|error| match error.field() {
            "uri" => error.at("upstream"),
            _ => error.within("exchange"),
        })
    }
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathPattern, D::Error> {
    let path = String::deserialize(deserializer)?;
    PathPattern::new(&path).map_err(|error| D::Error::custom(error.problem()))
}
