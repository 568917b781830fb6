//! DPoP: a token that is bound to a key, so that a copy of it is useless.
//!
//! Run: `cargo run --example dpop`
//!
//! Prints: `copied, with another key: 401 Unauthorized`

use axum::body::Body;
use axum::{Router, routing::get};
use http::{Request, StatusCode, header};
use obo::binding::BoundTokens;
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule};
use obo_examples::BoxError;
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof};
use tower::ServiceExt as _;

fn app(issuer: &str) -> Result<Router, ConfigError> {
    let server = ResourceServer::builder("service-a")
        .trust(issuer)
        // The URL that clients call. Headers of a request never change it.
        .bound_tokens(BoundTokens::new().dpop("https://a.example"))
        .build()?;
    Ok(Router::new()
        .route("/orders", get(async || "orders"))
        // Plain bearer tokens are refused here.
        .layer(RequireLayer::new(Rule::bound())?)
        .layer(BearerAuthLayer::new(server)))
}

async fn status(app: &Router, credentials: &str, proof: &str) -> Result<StatusCode, BoxError> {
    let request = Request::get("/orders")
        .header(header::AUTHORIZATION, credentials)
        .header("dpop", proof);
    let response = app.clone().oneshot(request.body(Body::empty())?).await?;
    Ok(response.status())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;
    let key = TestKey::generate(TestAlg::Es256);
    let token = idp
        .user("alice")
        .audience("service-a")
        .bound_to(&key)
        .mint();
    // A client makes a proof for each request: of its method, its URL and the token.
    let proof = |key| {
        TestProof::new(key, "GET", "https://a.example/orders")
            .token(&token)
            .make()
    };

    let (dpop, own) = (format!("DPoP {token}"), proof(&key));
    let (bearer, thief) = (format!("Bearer {token}"), TestKey::generate(TestAlg::Es256));
    for (what, credentials, proof) in [
        ("with a proof", &dpop, &own),
        ("copied, with an old proof", &dpop, &own),
        ("copied, as a bearer token", &bearer, &own),
        ("copied, with another key", &dpop, &proof(&thief)),
    ] {
        println!("{what}: {}", status(&app, credentials, proof).await?);
    }
    Ok(())
}
