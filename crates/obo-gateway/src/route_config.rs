use obo::ConfigError;
use obo::path::PathPattern;
use obo_config::{DestinationConfig, ExchangeConfig, RuleConfig, Settings, Span};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::timeouts::Timeouts;

/// One of the `routes`, besides its rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteConfig {
    #[serde(deserialize_with = "pattern")]
    pub(super) path: PathPattern,
    pub(super) upstream: Option<String>,
    exchange: Option<Settings>,
    #[serde(default)]
    pub(super) danger_plaintext: bool,
    timeout: Option<Span>,
    stream_timeout: Option<Span>,
    #[serde(default)]
    pub(super) public: bool,
    #[serde(default)]
    pub(super) preflight: bool,
}

/// What a route's `exchange` has besides the keys of an [`ExchangeConfig`] and of a [`DestinationConfig`].
#[derive(Deserialize)]
struct Checks {
    #[serde(default)]
    danger_any_audience: bool,
}

impl RouteConfig {
    /// Reads a route and its rule, and refuses what does not go together.
    pub(super) fn read(mut settings: Settings) -> Result<(Self, RuleConfig), ConfigError> {
        let rule: RuleConfig = settings.take()?;
        let route: Self = settings.read()?;
        route.check(&rule)?;
        Ok((route, rule))
    }

    fn check(&self, rule: &RuleConfig) -> Result<(), ConfigError> {
        let problem = |field, problem| Err(ConfigError::new(field, problem));
        for (field, span) in [
            ("timeout", self.timeout),
            ("stream_timeout", self.stream_timeout),
        ] {
            span.map(|span| span.positive(field)).transpose()?;
        }
        match (&self.upstream, &self.exchange) {
            (Some(upstream), _) if upstream.contains(['{', '}']) => {
                problem("upstream", "has braces; write one exact URL")
            }
            (Some(_), Some(_)) if self.public => problem(
                "exchange",
                "is there beside `public`, whose requests have no token to exchange; leave one out",
            ),
            (_, None) if self.public && !rule.is_empty() => problem(
                "public",
                "is there beside `scopes`, `actors` or others, which need a token; leave one out",
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
        let silence = self.timeout.map_or(Timeouts::SILENCE, Span::into);
        let stream = self.stream_timeout.map(Span::into);
        Timeouts {
            silence,
            stream: stream.unwrap_or(Timeouts::STREAM.max(silence)),
            slowest,
        }
    }

    /// Where callers' tokens are exchanged, and the place that they are exchanged for.
    pub(super) fn exchange(
        &self,
    ) -> Result<Option<(ExchangeConfig, DestinationConfig)>, ConfigError> {
        let (Some(settings), Some(upstream)) = (&self.exchange, &self.upstream) else {
            return Ok(None);
        };
        let read = || {
            let mut settings = settings.clone().with("uri", upstream)?;
            let checks: Checks = settings.take()?;
            let mut destination: DestinationConfig = settings.take()?;
            if self.danger_plaintext {
                destination = destination.danger_plaintext();
            }
            if checks.danger_any_audience {
                destination = destination.danger_any_audience();
            }
            Ok((settings.read()?, destination))
        };
        read()
            .map(Some)
            .map_err(|error: ConfigError| error.within("exchange"))
    }
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathPattern, D::Error> {
    let path = String::deserialize(deserializer)?;
    PathPattern::new(&path).map_err(|error| D::Error::custom(error.problem()))
}
