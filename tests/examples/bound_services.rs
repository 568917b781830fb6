//! Authorization servers and services that bind tokens to keys, for clients in other languages.
//!
//! Prints one line of JSON when they listen: one server and service that demand nonces, and one of
//! each that do not. It ends when its standard input ends.
#![allow(clippy::unwrap_used, reason = "the example panics on misuse")]
#![allow(clippy::print_stdout, reason = "its line of JSON")]

use std::io;

use axum::{Extension, Json, Router};
use obo::binding::BoundTokens;
use obo::{BearerAuthLayer, Caller, ResourceServer, Trust};
use obo_testkit::TestIdp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const SECRET: &str = "the-secret-of-service-a-0123456789";

#[tokio::main]
async fn main() {
    let (plain, nonces) = (start(false).await, start(true).await);
    println!("{}", json!({ "plain": plain.1, "nonces": nonces.1 }));
    let _ = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
}

/// Starts an authorization server, which runs until it is dropped, and a service.
async fn start(demands_nonce: bool) -> (TestIdp, Value) {
    let idp = TestIdp::start().await;
    idp.set_demands_nonce(demands_nonce);
    let client = idp.client("service-a").secret(SECRET);
    let client = client.may_exchange_to("service-b");
    let id = client.may_request("service-b").id().to_owned();
    let client = json!({
        "secret": SECRET,
        "subject_token": idp.user("alice").audience("service-a").mint(),
    });
    let document = json!({
        "issuer": idp.issuer(),
        "service": serve(&idp, demands_nonce).await,
        "clients": { id: client },
    });
    (idp, document)
}

/// ServiceB, which accepts bound tokens alone. Returns its URL.
async fn serve(idp: &TestIdp, demands_nonce: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tokens = BoundTokens::new().dpop(&url);
    let tokens = match demands_nonce {
        true => tokens.demand_nonce(),
        false => tokens,
    };
    let server = ResourceServer::builder("service-b")
        .trust(Trust::new(idp.issuer()).require_bound())
        .bound_tokens(tokens);
    let layer = BearerAuthLayer::new(server.build().unwrap());
    let app = Router::new().fallback(shown).layer(layer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// The caller, as the service knows it.
async fn shown(Extension(caller): Extension<Caller>) -> Json<Value> {
    let actor = caller.current_actor().map(|actor| actor.subject());
    let jkt = caller.binding().jkt.map(|jkt| jkt.to_string());
    Json(json!({ "sub": caller.subject(), "actor": actor, "jkt": jkt }))
}
