//! Okta: access tokens of a custom authorization server, and its token exchange.
//!
//! Run: `cargo run --example okta`
//!
//! Prints: `requested from Okta: stock:read`

use axum::extract::State;
use axum::{Router, routing::get};
use obo::destination::Target;
use obo::dialect::okta;
use obo::{Audience, BearerAuthLayer, Client, ClientSecretBasic, RequireLayer, ResourceServer};
use obo::{Rule, Scope, TokenExchange, Trust};
use obo_axum::Authenticated;
use obo_examples::{BoxError, send};
use obo_testkit::{Endpoint, Fault, TestIdp, TokenBuilder};
use serde_json::json;

async fn orders(
    Authenticated(caller): Authenticated,
    State(exchange): State<TokenExchange>,
) -> Result<String, obo_axum::Error> {
    // Okta requires a scope of the authorization server that issues the token.
    let stock = Target::audience(Audience::new("api://stock")?);
    let stock = stock.with_scope(Scope::new(["stock:read"])?);
    exchange.token(&caller, stock).await?;
    Ok(format!("orders of {}", caller.subject()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // In production: `https://corp.okta.com/oauth2/aus8example`, a custom authorization server.
    let idp = TestIdp::builder().issuer_path("/oauth2/aus8example");
    let idp = idp.start().await;

    // The profile reads scope from `scp` and the client from `cid`.
    let trust = Trust::new(idp.issuer()).profile(okta::profile());
    let server = ResourceServer::builder("api://orders")
        .trust(trust)
        .build()?;
    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), client);
    let exchange = exchange.dialect(okta::exchange()).build()?;
    let app = Router::new()
        .route("/orders", get(orders))
        .layer(RequireLayer::new(Rule::scopes(["orders:read"]))?)
        .layer(BearerAuthLayer::new(server))
        .with_state(exchange);

    // The testkit takes no tokens like Okta's, so its response is given.
    let issued = like_okta(&idp, "api://stock", "stock:read").mint();
    let issued = json!({
        "access_token": issued,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "scope": "stock:read",
    });
    idp.fault(Endpoint::Token, Fault::Body(issued.to_string()));
    let token = like_okta(&idp, "api://orders", "orders:read").mint();
    println!("{}", send(&app, "GET /orders", &token).await?.1);
    let requests = idp.requests();
    let scope = requests.iter().find_map(|request| request.param("scope"));
    println!("requested from Okta: {}", scope.ok_or("no exchange")?);
    Ok(())
}

/// An access token with the claims that Okta writes.
fn like_okta(idp: &TestIdp, audience: &str, scope: &str) -> TokenBuilder {
    let token = idp.user("alice@corp.example").audience(audience).typ(None);
    let token = token.without("client_id").claim("cid", "web-shop");
    token
        .claim("uid", "00u1alice")
        .claim("scp", [scope].as_slice())
}
