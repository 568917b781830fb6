use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, any};
use obo::{ConfigError, Issuer, RequireLayer};
use obo_axum::Authenticated;
use tower::ServiceExt as _;

use super::caller;
use super::exchanges::Exchanges;
use super::open::{check_public, opened, preflight_first};
use super::protocol::Protocol;
use super::proxy::{How, Proxy};
use super::route_config::RouteConfig;
use super::route_table::RouteTable;

/// The routes that were configured.
#[derive(Default)]
pub(super) struct Routes(RouteTable<MethodRouter>);

impl Routes {
    pub(super) fn add(
        &mut self,
        config: RouteConfig,
        trusted: &[Issuer],
        exchanges: &mut Exchanges,
        how: &How,
    ) -> Result<(), ConfigError> {
        config.check()?;
        let rule = config.rule(trusted)?;
        let path = config.path.clone();
        let (mut answer, preflight) = answering(config, exchanges, how)?;
        if let Some(rule) = rule {
            answer = answer.layer(RequireLayer::new(rule));
        }
        if let Some(proxy) = preflight {
            answer = answer.layer(from_fn_with_state(proxy, preflight_first));
        }
        self.0.add(path, answer).map_err(|path| {
            let problem = format!("another route has the path \"{path}\" already; leave one out");
            ConfigError::new("path", problem)
        })
    }

    pub(super) fn router(self) -> Result<Router, ConfigError> {
        if self.0.is_empty() {
            let problem = "there are none, so that nothing would be answered; give at least one";
            return Err(ConfigError::new("routes", problem));
        }
        let table = Arc::new(self.0);
        let routed = async move |protocol: Protocol, request: Request| {
            let found = table.find(request.uri().path()).cloned();
            match found {
                Ok(answer) => answer.oneshot(request).await.into_response(),
                Err(refusal) => refusal.response(&protocol),
            }
        };
        Ok(Router::new().fallback(routed))
    }
}

/// What answers a route, and its proxy where that takes preflights too.
fn answering(
    config: RouteConfig,
    exchanges: &mut Exchanges,
    how: &How,
) -> Result<(MethodRouter, Option<Arc<Proxy>>), ConfigError> {
    let timeouts = config.timeouts(how.slowest);
    let Some(upstream) = config.upstream else {
        return Ok((any(caller::answer), None));
    };
    let layer = match config.exchange {
        Some(exchange) => {
            let calls = exchanges.at(&exchange)?;
            Some(calls.to_destination(exchange.destination(&upstream, config.danger_plaintext)?))
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
