//! Tests of a protected service with the testkit: what it accepts, rejects and survives.
//!
//! Run: `cargo run --example testing`
//!
//! Prints: `all tests passed`

use axum::{Router, routing::get};
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule};
use obo_examples::{BoxError, send};
use obo_testkit::{TestAlg, TestIdp, TestKey, TokenBuilder};

/// The service under test. It takes the issuer, as in production.
fn app(issuer: &str) -> Result<Router, ConfigError> {
    let server = ResourceServer::builder("service-a").trust(issuer).build()?;
    Ok(Router::new()
        .route("/orders", get(|| async { "orders" }))
        .layer(RequireLayer::new(Rule::scopes(["orders:read"]))?)
        .layer(BearerAuthLayer::new(server)))
}

/// A valid token: each test changes one thing.
fn alice(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-a").scope("orders:read")
}

// In your crate each of these is a `#[tokio::test]`.
async fn only_valid_tokens_are_accepted() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;
    let other_key = TestKey::generate(TestAlg::Rs256);
    for (token, expected) in [
        (alice(&idp).mint(), 200),
        (alice(&idp).expires_in(-61).mint(), 401),
        (alice(&idp).sign_with(&other_key).mint(), 401),
        (idp.user("alice").audience("service-b").mint(), 401),
        (idp.user("alice").audience("service-a").mint(), 403),
        (idp.id_token("alice", "service-a").mint(), 401),
    ] {
        assert_eq!(send(&app, "GET /orders", &token).await?.0, expected);
    }
    Ok(())
}

async fn rotated_key_is_accepted() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;
    assert_eq!(send(&app, "GET /orders", &alice(&idp).mint()).await?.0, 200);
    idp.rotate();
    assert_eq!(send(&app, "GET /orders", &alice(&idp).mint()).await?.0, 200);
    Ok(())
}

async fn without_keys_requests_get_503() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;
    idp.stop();
    assert_eq!(send(&app, "GET /orders", &alice(&idp).mint()).await?.0, 503);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    only_valid_tokens_are_accepted().await?;
    rotated_key_is_accepted().await?;
    without_keys_requests_get_503().await?;
    println!("all tests passed");
    Ok(())
}
