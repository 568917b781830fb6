use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use oauth_resource_server::axum::AuthLayer;
use oauth_resource_server::{
    AuthorizedToken, KeyNaming, OAuthConfig, OAuthValidator, static_token_policy,
};

use super::peer::{AUDIENCE, Built, Peer, SCOPE, Trust};
use crate::app::App;

pub(super) const PEER: Peer = Peer {
    name: "oauth-resource-server",
    crypto: "ring",
    setup: "`AuthLayer` of an `OAuthValidator`, by discovery, one algorithm, `require_at_jwt`, `spawn_background_refresh`",
    has_scopes: true,
    bare: App::bare_08,
    protect,
    protect_grpc: protect,
    protect_bound: None,
};

fn protect(trust: Trust) -> Built {
    Box::pin(async move { router(&trust).map(App::Axum08).map_err(|e| e.to_string()) })
}

fn router(trust: &Trust) -> Result<Router, Box<dyn std::error::Error>> {
    let config = OAuthConfig {
        enabled: true,
        issuer: trust.issuer.clone(),
        audience: AUDIENCE.to_owned(),
        resource: "https://orders.example.com".to_owned(),
        algorithms: vec![trust.alg.as_str().to_owned()],
        require_at_jwt: true,
        required_scope: trust.scoped.then(|| SCOPE.to_owned()),
        ..OAuthConfig::default()
    };
    let resolved = config.resolve(KeyNaming::Dotted("oauth"))?.unwrap();
    let validator = Arc::new(OAuthValidator::new(&resolved)?);
    validator.spawn_background_refresh();
    let decision = static_token_policy(None, Some(&resolved), false)?;
    let layer = AuthLayer::from_decision(decision, Some(validator))?;
    Ok(Router::new()
        .route("/orders", any(subject))
        .route_layer(layer))
}

async fn subject(token: AuthorizedToken) {
    std::hint::black_box(token.subject.as_ref().map(String::len));
}
