//! Mutual TLS to the authorization server: a service authenticates by its certificate.
//!
//! Run: `cargo run --example mutual_tls`
//!
//! Prints: `without a certificate: Transient`

mod tls_server;

use axum::{Json, Router, routing::post};
use bytes::Bytes;
use http::Request;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::client::TlsClientAuth;
use obo::{AuthorizationServer, Client, ConfigError, TokenExchange};
use obo_examples::BoxError;
use reqwest::{Certificate, ClientBuilder, Identity, redirect::Policy};
use serde_json::{Value, json};
use tower::service_fn;

/// An HTTP client with these certificates. It must not follow redirects.
fn http(client: ClientBuilder) -> Result<HttpService, reqwest::Error> {
    let client = client.redirect(Policy::none()).build()?;
    Ok(HttpService::new(service_fn(
        move |request: Request<Bytes>| {
            let client = client.clone();
            async move {
                let response = client.execute(request.try_into()?).await?;
                Ok::<http::Response<reqwest::Body>, reqwest::Error>(response.into())
            }
        },
    )))
}

/// `TlsClientAuth` sends the client's identifier, and TLS proves it.
fn exchange(url: &str, http: HttpService) -> Result<TokenExchange, ConfigError> {
    let metadata = ServerMetadata::new(None, Some(&format!("{url}/token")))?;
    let server = AuthorizationServer::builder(url)
        .with_metadata(metadata)
        .with_http(http);
    TokenExchange::builder(server.build()?, Client::new("service-a", TlsClientAuth)).build()
}

/// Stands for the token endpoint. TLS has verified the certificate before.
async fn token(form: String) -> Json<Value> {
    assert!(form.contains("client_id=service-a"));
    Json(json!({ "access_token": "token-1", "token_type": "Bearer", "expires_in": 300 }))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let app = Router::new().route("/token", post(token));
    let (url, pem) = tls_server::serve(app).await?;

    // The authority that issued the server's certificate, then this service's certificate and key.
    let roots = [Certificate::from_pem(pem.authority.as_bytes())?];
    let builder = reqwest::Client::builder().tls_certs_only(roots);
    let identity = Identity::from_pem(pem.client.as_bytes())?;
    let with_certificate = exchange(&url, http(builder.identity(identity))?)?;
    let token = with_certificate.app_only_token("service-b").await?;
    println!("with the certificate: {}", token.token().expose());

    let roots = [Certificate::from_pem(pem.authority.as_bytes())?];
    let builder = reqwest::Client::builder().tls_certs_only(roots);
    let without = exchange(&url, http(builder)?)?;
    let error = without.app_only_token("service-b").await.err();
    println!(
        "without a certificate: {:?}",
        error.ok_or("a token")?.kind()
    );
    Ok(())
}
