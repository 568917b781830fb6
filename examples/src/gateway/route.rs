use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, any};
use obo::{ConfigError, Issuer, RequireLayer};
use obo_axum::Authenticated;
use tower::ServiceExt as _;

use super::caller;
use super::exchanges::Exchanges;
use super::protocol::Protocol;
use super::proxy::Proxy;
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
    ) -> Result<(), ConfigError> {
        let rule = config.rule(trusted)?;
        let path = config.path.clone();
        let mut answer = answering(config, exchanges)?;
        if let Some(rule) = rule {
            answer = answer.layer(RequireLayer::new(rule));
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

fn answering(config: RouteConfig, exchanges: &mut Exchanges) -> Result<MethodRouter, ConfigError> {
    let (upstream, exchange) = match (config.upstream, config.exchange) {
        (Some(upstream), Some(exchange)) => (upstream, exchange),
        (Some(_), None) => {
            let problem = "is missing: an upstream is called on behalf of the caller alone; say at which `issuer` the \
                           token is exchanged and for which `audience`";
            return Err(ConfigError::new("exchange", problem));
        }
        (None, Some(_)) => {
            let problem = "is missing: there is an `exchange`; say where its token is for";
            return Err(ConfigError::new("upstream", problem));
        }
        (None, None) if config.danger_plaintext || config.timeout.is_some() => {
            let problem = "is missing: `danger_plaintext` and `timeout` are about one";
            return Err(ConfigError::new("upstream", problem));
        }
        (None, None) => return Ok(any(caller::answer)),
    };
    let calls = exchanges.at(&exchange.issuer)?;
    let destination = exchange.destination(&upstream, config.danger_plaintext)?;
    let layer = calls.to(destination);
    let proxy = Arc::new(Proxy::new(config.path, &upstream, layer, config.timeout)?);
    Ok(any(
        move |Authenticated(caller): Authenticated, protocol: Protocol, request: Request| async move {
            let answer = proxy.send(&caller, request).await;
            answer.unwrap_or_else(|refusal| refusal.response(&protocol))
        },
    ))
}
