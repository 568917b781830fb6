//! Opaque and revoked tokens: the service introspects each token (RFC 7662).
//!
//! Run: `cargo run --example introspection`
//!
//! Prints: `revoked: 401 Unauthorized`

use std::time::Duration;

use axum::{Router, routing::get};
use obo::{
    BearerAuthLayer, Client, ClientSecretBasic, ConfigError, Introspection, ResourceServer, Trust,
};
use obo_axum::Authenticated;
use obo_examples::{BoxError, send};
use obo_testkit::TestIdp;

fn app(issuer: &str) -> Result<Router, ConfigError> {
    // To introspect tokens, this service is a client of the authorization server.
    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let introspection = Introspection::new(client)
        // A response is cached for 60 s by default. Zero introspects for each request.
        .max_age(Duration::ZERO);
    let idp = Trust::new(issuer).introspect(introspection);
    let server = ResourceServer::builder("service-a").trust(idp).build()?;
    Ok(Router::new()
        .route("/orders", get(orders))
        .layer(BearerAuthLayer::new(server)))
}

async fn orders(Authenticated(caller): Authenticated) -> String {
    format!("orders of {}", caller.subject())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    idp.client("service-a").secret("s3cret");
    let app = app(idp.issuer())?;

    let token = idp.user("alice").audience("service-a").mint_opaque();
    let (status, body) = send(&app, "GET /orders", &token).await?;
    println!("active: {status}, {body}");
    assert_eq!(body, "orders of alice");

    idp.revoke(&token);
    let (status, _) = send(&app, "GET /orders", &token).await?;
    println!("revoked: {status}");
    Ok(())
}
