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
use super::protocol::Protocol;
use super::proxy::{Proxy, ProxySettings};
use super::public::{check_public, preflight_first, public_response};
use super::refusal::Refusal;
use super::route_config::RouteConfig;

/// Builds the service of a route: its rule, and the proxy if it has an upstream.
pub(super) fn route(
    config: RouteConfig,
    exchange: Option<TokenExchange>,
    trusted: &[Issuer],
    setup: &Setup,
    settings: &ProxySettings,
) -> Result<MethodRouter, ConfigError> {
    let timeouts = config.timeouts(settings.slowest);
    let rule = config.rule.build(trusted)?;
    let with_rule = |route: MethodRouter| match rule {
        Some(rule) => Ok(route.layer(RequireLayer::new(rule)?)),
        None => Ok(route),
    };
    let Some(upstream) = config.upstream else {
        return with_rule(any(caller::claims));
    };
    let issuer = config.call.as_ref().and_then(|call| {
        let is_bound = call.destination.binds_certificate();
        is_bound.then(|| call.exchange.issuer().clone())
    });
    // Its tokens are bound to it, so connections to the upstream present it.
    let own = issuer.and_then(|issuer| setup.identity_at(&issuer));
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
    let proxy = Proxy::new(config.path, &upstream, layer, own, settings, timeouts)?;
    let (proxy, public) = (Arc::new(proxy), config.public);
    let preflight = config.preflight.then(|| Arc::clone(&proxy));
    let route = match public {
        true => any(async move |protocol: Protocol, request: Request| {
            public_response(proxy.send_open(request).await, &protocol)
        }),
        false => any(
            async move |Authenticated(caller): Authenticated,
                        protocol: Protocol,
                        request: Request| {
                let response = proxy.send(&caller, request).await;
                response.unwrap_or_else(|refusal| refusal.response(&protocol))
            },
        ),
    };
    let route = with_rule(route)?;
    Ok(match preflight {
        Some(proxy) => route.layer(from_fn_with_state(proxy, preflight_first)),
        None => route,
    })
}

/// Builds the router, which finds the route of a request by its path.
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
