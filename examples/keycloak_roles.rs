//! Rules by the roles of a Keycloak realm.
//!
//! Run: `cargo run --example keycloak_roles`
//!
//! Prints: `GET /stock as alice: 403 Forbidden`

use axum::{Router, routing::get};
use obo::dialect::keycloak;
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule, Trust};
use obo_examples::{BoxError, send};
use obo_testkit::TestIdp;
use serde_json::json;

/// `host` is `https://keycloak.example.com` in production.
fn app(host: &str) -> Result<Router, ConfigError> {
    // The profile knows where Keycloak writes scope, client and realm roles.
    let realm = Trust::new(keycloak::issuer(host, "corp")?).profile(keycloak::profile());
    let server = ResourceServer::builder("service-a").trust(realm).build()?;
    let buyers = RequireLayer::new(Rule::roles(["buyer"]))?;
    let clerks = RequireLayer::new(Rule::roles(["clerk"]))?;
    Ok(Router::new()
        .route("/orders", get(|| async { "orders" }).layer(buyers))
        .route("/stock", get(|| async { "stock" }).layer(clerks))
        .layer(BearerAuthLayer::new(server)))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::builder().issuer_path("/realms/corp");
    let idp = idp.start().await;
    let host = idp.issuer().trim_end_matches("/realms/corp");
    let app = app(host)?;

    // An access token as Keycloak writes it. An audience mapper adds `service-a` to `aud`.
    let alice = idp.user("alice").audience("service-a").typ(Some("JWT"));
    let alice = alice.without("client_id").claim("azp", "web-shop");
    let alice = alice.claim("typ", "Bearer");
    let alice = alice.claim("realm_access", json!({ "roles": ["buyer"] }));
    let alice = alice.mint();

    for (request, expected) in [("GET /orders", 200), ("GET /stock", 403)] {
        let (status, _) = send(&app, request, &alice).await?;
        assert_eq!(status, expected);
        println!("{request} as alice: {status}");
    }
    Ok(())
}
