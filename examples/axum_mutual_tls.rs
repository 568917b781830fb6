//! A token that is bound to a certificate: it works only over mutual TLS with this certificate.
//!
//! Run: `cargo run --example axum_mutual_tls`
//!
//! Prints: `with another certificate: 401 Unauthorized`

use axum::{Router, routing::get};
use http::StatusCode;
use obo::binding::BoundTokens;
use obo::{BearerAuthLayer, ConfigError, ResourceServer};
use obo_axum::Authenticated;
use obo_examples::{BoxError, tls_server};
use obo_testkit::{TestCertificate, TestIdp};
use reqwest::{Certificate, Client, Identity};

fn app(issuer: &str) -> Result<Router, ConfigError> {
    let server = ResourceServer::builder("service-a")
        .trust(issuer)
        // The server puts a `ClientCertificate` into each request: see src/tls_server.rs.
        .bound_tokens(BoundTokens::new().certificates())
        .build()?;
    Ok(Router::new()
        .route("/orders", get(orders))
        .layer(BearerAuthLayer::new(server)))
}

async fn orders(Authenticated(caller): Authenticated) -> String {
    format!("orders of {}", caller.subject())
}

/// A client that connects with a certificate.
fn client(root: &str, certificate: &TestCertificate) -> Result<Client, reqwest::Error> {
    Client::builder()
        .tls_certs_only([Certificate::from_pem(root.as_bytes())?])
        .identity(Identity::from_pem(certificate.identity_pem().as_bytes())?)
        .build()
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let url = tls_server::serve(app(idp.issuer())?, &idp).await? + "/orders";
    let (own, other) = (idp.certificate("web-app"), idp.certificate("thief"));
    let token = idp.user("alice").audience("service-a");
    let token = token.bound_to_certificate(own.der()).mint();

    let root = idp.authority_pem();
    let status = async |certificate: &TestCertificate| -> Result<StatusCode, BoxError> {
        let request = client(&root, certificate)?.get(&url).bearer_auth(&token);
        Ok(request.send().await?.status())
    };
    println!("with its certificate: {}", status(&own).await?);
    println!("with another certificate: {}", status(&other).await?);
    Ok(())
}
