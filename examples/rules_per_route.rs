//! A rule for each route: a scope to read, a scope and a user to write, a role for reports.
//!
//! Run: `cargo run --example rules_per_route`
//!
//! Prints: `GET /reports as alice: 403 Forbidden`

use axum::Router;
use axum::routing::{get, post};
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule};
use obo_examples::{BoxError, send};
use obo_testkit::TestIdp;

fn app(issuer: &str) -> Result<Router, ConfigError> {
    let server = ResourceServer::builder("service-a").trust(issuer).build()?;
    let may_read = RequireLayer::new(Rule::scopes(["orders:read"]))?;
    let may_write = RequireLayer::new(Rule::scopes(["orders:write"]).and(Rule::user()))?;
    let may_audit = RequireLayer::new(Rule::roles(["auditor"]))?;
    Ok(Router::new()
        .route("/orders", get(|| async { "all orders" }).layer(may_read))
        .route("/orders", post(|| async { "ordered" }).layer(may_write))
        .route("/reports", get(|| async { "a report" }).layer(may_audit))
        // In axum the layer that is added last runs first: rules need the caller it finds.
        .layer(BearerAuthLayer::new(server)))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;

    let alice = idp.user("alice").audience("service-a");
    let alice = alice.scope("orders:read orders:write").mint();
    let batch = idp.service("batch").audience("service-a");
    let batch = batch.scope("orders:read orders:write").mint();
    let carol = idp.user("carol").audience("service-a");
    let carol = carol.claim("roles", ["auditor"].as_slice()).mint();

    for (request, name, token, expected) in [
        ("GET /orders", "alice", &alice, 200),
        ("POST /orders", "alice", &alice, 200),
        // The rule requires a user, and a service calls for itself here.
        ("POST /orders", "batch", &batch, 403),
        ("GET /reports", "carol", &carol, 200),
        ("GET /reports", "alice", &alice, 403),
    ] {
        let (status, _) = send(&app, request, token).await?;
        assert_eq!(status, expected);
        println!("{request} as {name}: {status}");
    }
    Ok(())
}
