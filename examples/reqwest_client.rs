//! A service that calls another one on behalf of its caller, with reqwest.
//!
//! Run: `cargo run --example reqwest_client`
//!
//! Prints: `service-b sees: alice through service-a`

use axum::extract::State;
use axum::{Router, routing::get};
use http::{Request, Response};
use obo::{BearerAuthLayer, Client, ClientSecretBasic, OnBehalfOf, ResourceServer, TokenExchange};
use obo_axum::Authenticated;
use obo_examples::{BoxError, send, service_b};
use obo_testkit::TestIdp;
use reqwest::{Body, redirect::Policy};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};

type Reqwest = BoxCloneSyncService<Request<Body>, Response<Body>, reqwest::Error>;

/// Where the stock service is, and a client that sends each request with a token for it.
#[derive(Clone)]
struct Stock(String, OnBehalfOf<Reqwest>);

/// Turns a reqwest client into a tower service. A client that carries tokens follows no redirects.
fn reqwest() -> Result<Reqwest, reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()?;
    Ok(BoxCloneSyncService::new(service_fn(
        move |request: Request<Body>| {
            let client = client.clone();
            async move { Ok(client.execute(request.try_into()?).await?.into()) }
        },
    )))
}

async fn level(
    Authenticated(caller): Authenticated,
    State(Stock(url, stock)): State<Stock>,
) -> Result<String, obo_axum::Error> {
    let request = Request::get(format!("{url}/level")).body(Body::default())?;
    let response = stock.on_behalf_of(&caller).oneshot(request).await?;
    let text = reqwest::Response::from(response.map(Body::wrap))
        .error_for_status()?
        .text();
    Ok(format!("service-b sees: {}", text.await?))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let client = idp.client("service-a").secret("s3cret");
    client.may_exchange_to("service-b");
    let url = service_b(&idp).await?;

    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), client).build()?;
    let stock = exchange.to(&url, "service-b")?.layer(reqwest()?);
    let server = ResourceServer::builder("service-a")
        .trust(idp.issuer())
        .build()?;
    let app = Router::new()
        .route("/level", get(level))
        .layer(BearerAuthLayer::new(server))
        .with_state(Stock(url, stock));

    let token = idp.user("alice").audience("service-a").mint();
    println!("{}", send(&app, "GET /level", &token).await?.1);
    Ok(())
}
