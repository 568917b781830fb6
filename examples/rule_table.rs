//! The rules of a whole service in one table. A route that the table does not list is denied.
//!
//! Run: `cargo run --example rule_table`
//!
//! Prints: `GET /debug: 403 Forbidden`

use axum::Router;
use axum::routing::get;
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule, RuleTable};
use obo_examples::{BoxError, send};
use obo_testkit::TestIdp;

fn app(issuer: &str) -> Result<Router, ConfigError> {
    let rules = RuleTable::builder()
        .route("GET /orders/{id}", Rule::scopes(["orders:read"]))
        .route("DELETE /orders/{id}", Rule::scopes(["orders:write"]))
        .route("/reports/{*rest}", Rule::roles(["auditor"]))
        .public("GET /healthz")
        .build()?;
    let server = ResourceServer::builder("service-a").trust(issuer).build()?;
    // Without this line, a request to a public path needs a token.
    let auth = BearerAuthLayer::new(server).public_paths(rules.public_paths());

    let order = get(|| async { "an order" }).delete(|| async { "deleted" });
    Ok(Router::new()
        .route("/orders/{id}", order)
        .route("/reports/{year}/{month}", get(|| async { "a report" }))
        .route("/healthz", get(|| async { "healthy" }))
        .route("/debug", get(|| async { "forgotten in the table" }))
        .layer(RequireLayer::by_path(rules))
        .layer(auth))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;
    let alice = idp.user("alice").audience("service-a");
    let alice = alice.scope("orders:read").mint();

    for (request, token, expected) in [
        ("GET /healthz", "", 200),
        ("GET /orders/7", "", 401),
        ("GET /orders/7", &*alice, 200),
        ("DELETE /orders/7", &*alice, 403),
        ("GET /reports/2026/11", &*alice, 403),
        ("GET /debug", &*alice, 403),
    ] {
        let (status, _) = send(&app, request, token).await?;
        assert_eq!(status, expected, "{request}");
        println!("{request}: {status}");
    }
    Ok(())
}
