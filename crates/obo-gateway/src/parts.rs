use http::Uri;
use obo::path::{PathMatch, PathPattern, PathTable};
use obo::{ConfigError, Destination, ResourceServer, Rule, RuleTable, TokenExchange};
use obo_config::Setup;

use super::config::Config;
use super::start::handles;
use super::upstream_url::UpstreamUrl;

/// The handles of a configuration, for tools that check it. [`Gateway`](crate::Gateway) serves it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parts {
    /// Validates tokens.
    pub resource_server: ResourceServer,
    /// The rule of each route. A path without a route is not found.
    pub rules: RuleTable,
    /// The calls to upstreams on behalf of the caller.
    pub calls: Vec<Call>,
    upstreams: PathTable<Option<UpstreamUrl>>,
}

impl Parts {
    /// Returns the URL that the gateway requests for a request of this path. `None` if no route has
    /// it, or the route has no upstream.
    ///
    /// ```
    /// use obo_gateway::Config;
    /// use obo_config::Setup;
    ///
    /// let config = Config::parse(r#"
    ///     listen = "127.0.0.1:8080"
    ///     [resource_server]
    ///     audiences = ["gateway"]
    ///     issuers = [{ issuer = "https://idp.example.com" }]
    ///     [[routes]]
    ///     path = "/docs"
    ///     public = true
    ///     upstream = "https://docs.corp.example/v1"
    /// "#)?;
    /// let parts = config.parts(&mut Setup::new())?;
    /// assert_eq!(parts.upstream("/docs").as_deref(), Some("https://docs.corp.example/v1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upstream(&self, path: &str) -> Option<String> {
        let uri: Uri = path.parse().ok()?;
        match self.upstreams.find(uri.path()) {
            PathMatch::Listed(url) => Some(url.as_ref()?.of(&uri)?.to_string()),
            _ => None,
        }
    }
}

/// The call of one route. From [`Config::parts`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The path of the route.
    pub path: PathPattern,
    /// The exchange of its tokens.
    pub exchange: TokenExchange,
    /// The upstream.
    pub destination: Destination,
}

impl Config {
    /// Builds the handles without starting a gateway. Nothing is fetched.
    ///
    /// # Errors
    ///
    /// Returns the first mistake. The field is a path such as `routes[3].exchange.audience`.
    pub fn parts(self, setup: &mut Setup) -> Result<Parts, ConfigError> {
        let built = handles(&self, setup, None)?;
        let trusted: Vec<_> = built.server.issuers().cloned().collect();
        let (mut rules, mut calls) = (RuleTable::builder(), Vec::new());
        let mut upstreams = Vec::new();
        for (i, (route, exchange)) in self.read_routes.into_iter().zip(built.called).enumerate() {
            let within = |error: ConfigError| error.within(&format!("routes[{i}]"));
            let url = route.upstream.as_deref();
            let url = url.map(|upstream| UpstreamUrl::new(route.path.clone(), upstream));
            upstreams.push((route.path.clone(), url.transpose().map_err(within)?));
            let path = route.path.as_str();
            let rule = route.rule.build(&trusted).map_err(within)?;
            rules = match rule {
                _ if route.public => rules.public(path),
                Some(rule) => rules.route(path, rule),
                // A valid token is enough.
                None => rules.route(path, Rule::any_of([Rule::user(), Rule::service()])),
            };
            if let Some((call, exchange)) = route.call.zip(exchange) {
                let destination = call.destination(setup).map_err(within)?;
                calls.push(Call {
                    exchange,
                    destination,
                    path: route.path,
                });
            }
        }
        Ok(Parts {
            resource_server: built.server,
            rules: rules.build().map_err(|error| error.at("routes"))?,
            calls,
            upstreams: PathTable::new(upstreams).map_err(|error| error.at("routes"))?,
        })
    }
}
