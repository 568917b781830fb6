use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, any};
use obo::path::{PathMatch, PathPattern, PathTable};
use obo::{ConfigError, Issuer, RequireLayer, TokenExchange};
use obo_axum::Authenticated;
use obo_config::Setup;
use tower::ServiceExt as _;

use super::caller;
use super::open::{check_public, opened, preflight_first};
use super::protocol::Protocol;
use super::proxy::{How, Proxy};
use super::refusal::Refusal;
use super::route_config::RouteConfig;

/// What answers a route: its rule, and where it has an upstream, the proxy in front of that.
pub(super) fn route(
    config: RouteConfig,
    exchange: Option<TokenExchange>,
    trusted: &[Issuer],
    setup: &Setup,
    how: &How,
) -> Result<MethodRouter, ConfigError> {
    let timeouts = config.timeouts(how.slowest);
    let rule = config.rule.build(trusted)?;
    let with_rule = |answer: MethodRouter| match rule {
        Some(rule) => Ok(answer.layer(RequireLayer::new(rule)?)),
        None => Ok(answer),
    };
    let Some(upstream) = config.upstream else {
        return with_rule(any(caller::answer));
    };
    let layer = match exchange.zip(config.call) {
        Some((exchange, call)) => {
            let destination = call.destination.build(setup);
            let destination = destination.map_err(|error| match error.field() {
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
    let proxy = Proxy::new(config.path, &upstream, layer, how, timeouts)?;
    let (proxy, public) = (Arc::new(proxy), config.public);
    let preflight = config.preflight.then(|| Arc::clone(&proxy));
    let answer = match public {
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
    let answer = with_rule(answer)?;
    Ok(match preflight {
        Some(proxy) => answer.layer(from_fn_with_state(proxy, preflight_first)),
        None => answer,
    })
}

/// Finds the route of a request by its path.
pub(super) fn router(routes: Vec<(PathPattern, MethodRouter)>) -> Result<Router, ConfigError> {
    let table = PathTable::new(routes).map_err(|error| error.at("routes"))?;
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
