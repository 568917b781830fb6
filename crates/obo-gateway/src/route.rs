use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, any};
use obo::path::{PathMatch, PathPattern, PathTable};
use obo::{ConfigError, Issuer, RequireLayer, TokenExchange};
use obo_axum::Authenticated;
use obo_config::{DestinationConfig, RuleConfig, Settings, Setup};
use tower::ServiceExt as _;

use super::caller;
use super::exchanges::Exchanges;
use super::open::{check_public, opened, preflight_first};
use super::protocol::Protocol;
use super::proxy::{How, Proxy};
use super::refusal::Refusal;
use super::route_config::RouteConfig;

/// A route as the file has it, with the exchange that it shares with others.
pub(super) struct Route {
    pub(super) config: RouteConfig,
    rule: RuleConfig,
    exchange: Option<(TokenExchange, DestinationConfig)>,
}

impl Route {
    pub(super) fn read(
        settings: Settings,
        exchanges: &mut Exchanges,
        setup: &mut Setup,
    ) -> Result<Self, ConfigError> {
        let (config, rule) = RouteConfig::read(settings)?;
        let exchange = match config.exchange()? {
            Some((exchange, destination)) => Some((exchanges.at(exchange, setup)?, destination)),
            None => None,
        };
        Ok(Self {
            config,
            rule,
            exchange,
        })
    }
}

/// The routes that were configured.
#[derive(Default)]
pub(super) struct Routes(Vec<(PathPattern, MethodRouter)>);

impl Routes {
    pub(super) fn add(
        &mut self,
        route: Route,
        trusted: &[Issuer],
        setup: &Setup,
        how: &How,
    ) -> Result<(), ConfigError> {
        let Route {
            config,
            rule,
            exchange,
        } = route;
        let rule = rule.build(trusted)?;
        let path = config.path.clone();
        let (mut answer, preflight) = answering(config, exchange, setup, how)?;
        if let Some(rule) = rule {
            answer = answer.layer(RequireLayer::new(rule)?);
        }
        if let Some(proxy) = preflight {
            answer = answer.layer(from_fn_with_state(proxy, preflight_first));
        }
        if self.0.iter().any(|(other, _)| *other == path) {
            let problem = format!("another route has the path \"{path}\" already; leave one out");
            return Err(ConfigError::new("path", problem));
        }
        self.0.push((path, answer));
        Ok(())
    }

    pub(super) fn router(self) -> Result<Router, ConfigError> {
        if self.0.is_empty() {
            let problem = "there are none, so that nothing would be answered; give at least one";
            return Err(ConfigError::new("routes", problem));
        }
        let table = PathTable::new(self.0).map_err(|error| error.at("routes"))?;
        let table = Arc::new(table);
        let routed = async move |protocol: Protocol, request: Request| {
            let path = request.uri().path();
            match table.find(path) {
                PathMatch::Listed(route) => route.clone().oneshot(request).await.into_response(),
                PathMatch::Ambiguous if path.starts_with('/') => {
                    Refusal::AmbiguousPath.response(&protocol)
                }
                PathMatch::Ambiguous | PathMatch::Near | PathMatch::Unlisted => {
                    Refusal::NoRoute.response(&protocol)
                }
            }
        };
        Ok(Router::new().fallback(routed))
    }
}

/// What answers a route, and its proxy where that takes preflights too.
fn answering(
    config: RouteConfig,
    exchange: Option<(TokenExchange, DestinationConfig)>,
    setup: &Setup,
    how: &How,
) -> Result<(MethodRouter, Option<Arc<Proxy>>), ConfigError> {
    let timeouts = config.timeouts(how.slowest);
    let Some(upstream) = config.upstream else {
        return Ok((any(caller::answer), None));
    };
    let layer = match exchange {
        Some((exchange, destination)) => {
            let destination = destination
                .build(setup)
                .map_err(|error| match error.field() {
                    "uri" => error.at("upstream"),
                    _ => error.within("exchange"),
                });
            Some(exchange.to_destination(destination?)?)
        }
        None => {
            check_public(&upstream, config.danger_plaintext)?;
            None
        }
    };
    let proxy = Arc::new(Proxy::new(config.path, &upstream, layer, how, timeouts)?);
    let preflight = config.preflight.then(|| Arc::clone(&proxy));
    let answer = match config.public {
        true => any(async move |protocol: Protocol, request: Request| {
            opened(proxy.send_open(request).await, &protocol)
        }),
        false => any(
            async move |Authenticated(caller): Authenticated,
                        protocol: Protocol,
                        request: Request| {
                let answer = proxy.send(&caller, request).await;
                answer.unwrap_or_else(|refusal| refusal.response(&protocol))
            },
        ),
    };
    Ok((answer, preflight))
}
