//! A generated tonic client that calls on behalf of the caller of an axum handler.
//!
//! Run: `cargo run --example tonic_client`
//!
//! Prints: `403 Forbidden: no token for the ledger, so no call`

use axum::extract::State;
use axum::{Router, routing::get};
use obo::{BearerAuthLayer, Client, ClientSecretBasic, ResourceServer, TokenExchange};
use obo_axum::Authenticated;
use obo_examples::stock::{Sku, stock_client::StockClient};
use obo_examples::{BoxError, grpc_service_b, send};
use obo_testkit::TestIdp;
use obo_tonic::OnBehalfOf;
use tonic::transport::Channel;

/// What the handlers call. Make it once: clones share connections and cached tokens.
#[derive(Clone)]
struct Services {
    stock: OnBehalfOf<Channel>,
    ledger: OnBehalfOf<Channel>,
}

async fn level(
    Authenticated(caller): Authenticated,
    State(services): State<Services>,
) -> Result<String, obo_axum::Error> {
    let mut stock = StockClient::new(services.stock.on_behalf_of(&caller));
    let level = stock.level(Sku { id: "tea".into() }).await?.into_inner();
    Ok(format!("{} pieces", level.pieces))
}

/// The `?` responds with the status of the failure: 403 if the authorization server denies a token.
async fn ledger(
    Authenticated(caller): Authenticated,
    State(services): State<Services>,
) -> Result<(), obo_axum::Error> {
    let mut ledger = StockClient::new(services.ledger.on_behalf_of(&caller));
    ledger.level(Sku::default()).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    idp.client("service-a")
        .secret("s3cret")
        .may_exchange_to("service-b");
    let url = grpc_service_b(&idp).await?;

    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), client).build()?;
    let channel = Channel::from_shared(url.clone())?.connect_lazy();
    let services = Services {
        stock: obo_tonic::channel(exchange.to(&url, "service-b")?, channel.clone()),
        ledger: obo_tonic::channel(exchange.to(&url, "ledger")?, channel),
    };
    let server = ResourceServer::builder("service-a")
        .trust(idp.issuer())
        .build()?;
    let app = Router::new()
        .route("/level", get(level))
        .route("/ledger", get(ledger))
        .layer(BearerAuthLayer::new(server))
        .with_state(services);

    let token = idp.user("alice").audience("service-a").mint();
    println!("{}", send(&app, "GET /level", &token).await?.1);
    let (status, _) = send(&app, "GET /ledger", &token).await?;
    println!("{status}: no token for the ledger, so no call");
    Ok(())
}
