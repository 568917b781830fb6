//! The smallest protected service with axum: a handler that knows its caller.
//!
//! Run: `cargo run --example axum_hello`
//!
//! Prints: `200 OK: hello, alice`

use axum::{Router, routing::get};
use obo::{BearerAuthLayer, ConfigError, ResourceServer};
use obo_axum::Authenticated;
use obo_examples::BoxError;
use obo_testkit::TestIdp;
use tokio::net::TcpListener;

fn app(issuer: &str) -> Result<Router, ConfigError> {
    let server = ResourceServer::builder("service-a").trust(issuer).build()?;
    Ok(Router::new()
        .route("/hello", get(hello))
        .layer(BearerAuthLayer::new(server)))
}

async fn hello(Authenticated(caller): Authenticated) -> String {
    format!("hello, {}", caller.subject())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Stands for your authorization server. In production the issuer is a URL such as
    // `https://idp.example.com/realms/corp`.
    let idp = TestIdp::start().await;

    let app = app(idp.issuer())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hello", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let http = reqwest::Client::new();
    let anonymous = http.get(&url).send().await?;
    println!("{} without a token", anonymous.status());

    let token = idp.user("alice").audience("service-a").mint();
    let response = http.get(&url).bearer_auth(token).send().await?;
    println!("{}: {}", response.status(), response.text().await?);
    Ok(())
}
