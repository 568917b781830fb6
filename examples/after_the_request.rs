//! Work that a handler starts and that outlives the request, on behalf of the same caller.
//!
//! Run: `cargo run --example after_the_request`
//!
//! Prints: `the report is done: alice through service-a`

use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::{Router, routing::post};
use obo::{
    BearerAuthLayer, Caller, Client, ClientSecretBasic, OnBehalfOf, ResourceServer, TokenExchange,
};
use obo_axum::Authenticated;
use obo_examples::{BoxError, Http, http, send, service_b, text};
use obo_testkit::TestIdp;
use tokio::sync::mpsc;
use tower::{Layer, ServiceExt};

#[derive(Clone)]
struct App {
    server: ResourceServer,
    url: String,
    stock: OnBehalfOf<Http>,
    results: mpsc::Sender<String>,
}

/// Responds at once. The task has the caller, and stops when the caller's token expires.
async fn order_report(Authenticated(caller): Authenticated, State(app): State<App>) -> StatusCode {
    tokio::spawn(async move {
        let result = tokio::select! {
            done = report(&app, &caller) => done.unwrap_or_else(|error| error.to_string()),
            rejection = app.server.refused(&caller) => format!("stopped: {rejection}"),
        };
        app.results.send(result).await
    });
    StatusCode::ACCEPTED
}

async fn report(app: &App, caller: &Caller) -> Result<String, BoxError> {
    let request = Request::get(format!("{}/level", app.url)).body(String::new())?;
    let response = app.stock.on_behalf_of(caller).oneshot(request).await?;
    text(response).await
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let client = idp.client("service-a").secret("s3cret");
    client.may_exchange_to("service-b");
    let url = service_b(&idp).await?;

    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), client).build()?;
    let stock = exchange.to(&url, "service-b")?.layer(http());
    let server = ResourceServer::builder("service-a").trust(idp.issuer());
    let server = server.build()?;
    let (results, mut done) = mpsc::channel(1);
    let app = Router::new()
        .route("/reports", post(order_report))
        .layer(BearerAuthLayer::new(server.clone()))
        .with_state(App {
            server,
            url,
            stock,
            results,
        });

    let token = idp.user("alice").audience("service-a").mint();
    send(&app, "POST /reports", &token).await?;
    let report = done.recv().await.ok_or("no report")?;
    println!("the report is done: {report}");
    Ok(())
}
