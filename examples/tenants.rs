//! Several issuers, each with its own keys and audience: a user is an issuer and a subject.
//!
//! Run: `cargo run --example tenants`
//!
//! Prints: `unknown issuer: 401 Unauthorized`

use axum::extract::State;
use axum::{Router, routing::get};
use obo::{BearerAuthLayer, ConfigError, ResourceServer, Trust};
use obo_axum::Authenticated;
use obo_examples::{BoxError, send};
use obo_testkit::TestIdp;

/// The issuers of the tenants, by name.
type Tenants = [(&'static str, String); 2];

fn app(tenants: Tenants) -> Result<Router, ConfigError> {
    let [(_, corp), (_, partner)] = &tenants;
    let server = ResourceServer::builder("service-a")
        .trust(corp.as_str())
        // The partner knows this service by another name.
        .trust(Trust::new(partner.as_str()).audience("https://api.example.com/orders"))
        .build()?;
    Ok(Router::new()
        .route("/orders", get(orders))
        .layer(BearerAuthLayer::new(server))
        .with_state(tenants))
}

async fn orders(Authenticated(caller): Authenticated, State(tenants): State<Tenants>) -> String {
    let issuer = caller.issuer().as_str();
    let tenant = tenants.iter().find(|(_, known)| known == issuer);
    let tenant = tenant.map_or("unknown", |(name, _)| name);
    // Two tenants may have an alice each: a subject alone is not a key.
    format!("{} of {tenant}", caller.subject())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (corp, partner) = (TestIdp::start().await, TestIdp::start().await);
    let issuers = [&corp, &partner].map(|idp| idp.issuer().to_owned());
    let [of_corp, of_partner] = issuers;
    let app = app([("corp", of_corp), ("partner", of_partner)])?;

    let token = corp.user("alice").audience("service-a").mint();
    let (_, body) = send(&app, "GET /orders", &token).await?;
    assert_eq!(body, "alice of corp");
    let token = partner.user("alice");
    let token = token.audience("https://api.example.com/orders").mint();
    let (_, body) = send(&app, "GET /orders", &token).await?;
    assert_eq!(body, "alice of partner");

    let other = TestIdp::start().await;
    let token = other.user("alice").audience("service-a").mint();
    let (status, _) = send(&app, "GET /orders", &token).await?;
    println!("unknown issuer: {status}");
    Ok(())
}
