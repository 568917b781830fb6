//! A stream that ends when the caller's token expires, by an `ExpiryLayer`.
//!
//! Run: `cargo run --example ending_streams` (takes two seconds)
//!
//! Prints: `the stream ended with its token`

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::{Router, routing::get};
use http_body_util::BodyExt;
use obo::{BearerAuthLayer, ConfigError, ExpiryLayer, ResourceServer, Trust};
use obo_axum::Authenticated;
use obo_examples::BoxError;
use obo_testkit::TestIdp;
use tokio_stream::StreamExt;
use tower::ServiceExt;

fn app(issuer: &str) -> Result<Router, ConfigError> {
    // By default clocks may differ by 60 s, so streams end 60 s after `exp`.
    let idp = Trust::new(issuer).leeway(Duration::ZERO);
    let server = ResourceServer::builder("service-a").trust(idp).build()?;
    Ok(Router::new()
        .route("/prices", get(prices))
        .layer(ExpiryLayer::new(server.clone()))
        .layer(BearerAuthLayer::new(server)))
}

/// Sends one price, then waits for the next one for ever.
async fn prices(Authenticated(_): Authenticated) -> Body {
    let first = tokio_stream::once(Ok::<_, Infallible>("tea 42"));
    Body::from_stream(first.chain(tokio_stream::pending()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;

    let token = idp.user("alice").audience("service-a").expires_in(2);
    let authorization = format!("Bearer {}", token.mint());
    let request = Request::get("/prices").header("authorization", authorization);
    let response = app.oneshot(request.body(Body::empty())?).await?;

    let mut body = response.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        println!("{:?}", frame.data_ref());
    }
    println!("the stream ended with its token");
    Ok(())
}
