//! Microsoft Entra ID: access tokens of version 2.0, and its on-behalf-of flow.
//!
//! Run: `cargo run --example entra`
//!
//! Prints: `requested from Entra: api://stock/.default`

use axum::extract::State;
use axum::{Router, routing::get};
use obo::client::ClientSecretPost;
use obo::destination::Target;
use obo::dialect::entra;
use obo::{Audience, BearerAuthLayer, Client, ResourceServer, Scope, TokenExchange, Trust};
use obo_axum::Authenticated;
use obo_examples::{BoxError, send};
use obo_testkit::{Endpoint, Fault, TestIdp};
use serde::Deserialize;
use serde_json::json;

/// Application identifiers, which version 2.0 tokens have in `aud`.
const ORDERS: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const STOCK: &str = "a97c0b51-4f0b-4c0a-9d7a-58f7a5c7a0f4";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// The user. `sub` differs in each application, so use `oid` and `tid` as the key of a user.
#[derive(Deserialize)]
struct User {
    oid: String,
    tid: String,
}

async fn orders(
    Authenticated(caller): Authenticated<User>,
    State(exchange): State<TokenExchange>,
) -> Result<String, obo_axum::Error> {
    // A scope names the target. The audience is compared with `aud` of the issued token.
    let stock = Target::audience(Audience::new(STOCK)?);
    let stock = stock.with_scope(Scope::new(["api://stock/.default"])?);
    exchange.token(&caller, stock).await?;
    let User { oid, tid } = caller.claims();
    Ok(format!("{oid} of {tid}"))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // In production: `entra::issuer(TENANT)?`.
    let idp = TestIdp::builder().issuer_path(&format!("/{TENANT}/v2.0"));
    let idp = idp.start().await;

    let trust = Trust::new(idp.issuer()).profile(entra::profile());
    let server = ResourceServer::builder(ORDERS).trust(trust.claims::<User>());
    let client = Client::new(ORDERS, ClientSecretPost::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), client);
    let exchange = exchange.dialect(entra::on_behalf_of()).build()?;
    let app = Router::new()
        .route("/orders", get(orders))
        .layer(BearerAuthLayer::new(server.build()?))
        .with_state(exchange);

    // The testkit has no on-behalf-of flow, so its response is given.
    let issued = json!({ "access_token": like_entra(&idp, STOCK), "token_type": "Bearer" });
    idp.fault(Endpoint::Token, Fault::Body(issued.to_string()));
    let token = like_entra(&idp, ORDERS);
    println!("{}", send(&app, "GET /orders", &token).await?.1);
    let requests = idp.requests();
    let scope = requests.iter().find_map(|request| request.param("scope"));
    println!("requested from Entra: {}", scope.ok_or("no exchange")?);
    Ok(())
}

/// An access token with the claims that Entra writes.
fn like_entra(idp: &TestIdp, audience: &str) -> String {
    let token = idp.user("AAAAIkzqFVr").audience(audience).typ(Some("JWT"));
    let token = token.without("client_id").claim("azp", "web-shop");
    let token = token.claim("ver", "2.0").claim("tid", TENANT);
    token.claim("oid", "alice").claim("scp", "user").mint()
}
