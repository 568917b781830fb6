//! Logouts: the authorization server sends a logout token, and the user's tokens are refused.
//!
//! Run: `cargo run --example logout`
//!
//! Prints: `after the next sign-in: 200 OK`

use axum::{Router, routing::get};
use obo::fleet::Fleet;
use obo::logout::{BackchannelLogout, SecurityEvents};
use obo::{BearerAuthLayer, ConfigError, ResourceServer};
use obo_axum::Authenticated;
use obo_examples::{BoxError, send, serve};
use obo_testkit::TestIdp;

fn app(issuer: &str, fleet: &Fleet) -> Result<Router, ConfigError> {
    let server = ResourceServer::builder("service-a")
        .trust(issuer)
        // It knows the logouts of the fleet.
        .fleet(fleet.clone())
        .build()?;
    // Logout tokens are for the client, and security events for the stream.
    let logout = BackchannelLogout::new(&server, fleet, "web-app")?;
    let events = SecurityEvents::new(&server, fleet, "https://a.example/ssf")?;
    Ok(Router::new()
        .route("/orders", get(orders))
        .layer(BearerAuthLayer::new(server))
        // After the layer: these paths need no bearer token.
        .route_service("/backchannel-logout", logout)
        .route_service("/ssf", events))
}

async fn orders(Authenticated(caller): Authenticated) -> String {
    format!("orders of {}", caller.subject())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    // A fleet of one process. With a store, such as that of `obo-redis`, replicas share it.
    let fleet = Fleet::builder().build()?;
    let app = app(idp.issuer(), &fleet)?;
    let receiver = format!("{}/backchannel-logout", serve(app.clone()).await?);

    let alice = || idp.user("alice").audience("service-a");
    let before = alice().issued_at(-10).mint();
    let (status, _) = send(&app, "GET /orders", &before).await?;
    println!("signed in: {status}");

    let logout = idp.logout_token("alice", "web-app").issued_at(-5).mint();
    let response = idp.send_logout(&receiver, &logout).await;
    println!("logout: {}", response.status());
    let (status, _) = send(&app, "GET /orders", &before).await?;
    println!("after the logout: {status}");

    let (status, _) = send(&app, "GET /orders", &alice().mint()).await?;
    println!("after the next sign-in: {status}");
    Ok(())
}
