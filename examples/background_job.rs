//! A job that calls another service as itself, for no user: a token by client credentials.
//!
//! Run: `cargo run --example background_job`
//!
//! Prints: `service-b sees: service-a`

use http::Request;
use obo::{AppOnly, Client, ClientSecretBasic, TokenExchange};
use obo_examples::{BoxError, Http, http, service_b, text};
use obo_testkit::TestIdp;
use tower::{Layer, ServiceExt};

/// What a timer starts each night. No request and no user are involved.
async fn job(stock: AppOnly<Http>, url: &str) -> Result<String, BoxError> {
    let request = Request::get(format!("{url}/level")).body(String::new())?;
    let response = stock.oneshot(request).await?;
    text(response).await
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let client = idp.client("service-a").secret("s3cret");
    client.may_request("service-b");
    let url = service_b(&idp).await?;

    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), client).build()?;
    let stock = exchange.app_only_to(&url, "service-b")?.layer(http());

    for _ in 0..2 {
        println!("service-b sees: {}", job(stock.clone(), &url).await?);
    }
    // The token is cached until shortly before it expires.
    assert_eq!(idp.token_requests(), 1);
    Ok(())
}
