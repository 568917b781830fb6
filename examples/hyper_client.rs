//! A service that calls another one on behalf of its caller, with hyper's client.
//!
//! Run: `cargo run --example hyper_client`
//!
//! Prints: `service-b sees: alice through service-a (token from: Cache)`

use axum::extract::State;
use axum::{Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use obo::exchange::TokenSource;
use obo::{BearerAuthLayer, Client, ClientSecretBasic, OnBehalfOf, ResourceServer, TokenExchange};
use obo_axum::Authenticated;
use obo_examples::{BoxError, send, service_b};
use obo_testkit::TestIdp;
use tower::{Layer, ServiceExt};

/// Where the stock service is, and a client that sends each request with a token for it.
#[derive(Clone)]
struct Stock(String, OnBehalfOf<HttpClient<HttpConnector, String>>);

async fn level(
    Authenticated(caller): Authenticated,
    State(Stock(url, stock)): State<Stock>,
) -> Result<String, obo_axum::Error> {
    let request = Request::get(format!("{url}/level")).body(String::new())?;
    let response = stock.on_behalf_of(&caller).oneshot(request).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("service-b: {}", response.status()).into());
    }
    let source = response.extensions().get::<TokenSource>().copied();
    let body = response.into_body().collect().await?.to_bytes();
    let body = String::from_utf8_lossy(&body);
    Ok(format!(
        "service-b sees: {body} (token from: {:?})",
        source.ok_or("no token")?
    ))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let client = idp.client("service-a").secret("s3cret");
    client.may_exchange_to("service-b");
    let url = service_b(&idp).await?;

    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), client).build()?;
    // In production the connector is one for `https`, such as hyper-rustls has.
    let http = HttpClient::builder(TokioExecutor::new()).build_http();
    let stock = exchange.to(&url, "service-b")?.layer(http);
    let server = ResourceServer::builder("service-a")
        .trust(idp.issuer())
        .build()?;
    let app = Router::new()
        .route("/level", get(level))
        .layer(BearerAuthLayer::new(server))
        .with_state(Stock(url, stock));

    let token = idp.user("alice").audience("service-a").mint();
    println!("{}", send(&app, "GET /level", &token).await?.1);
    println!("{}", send(&app, "GET /level", &token).await?.1);
    assert_eq!(idp.token_requests(), 1);
    Ok(())
}
