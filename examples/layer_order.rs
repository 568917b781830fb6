//! The order of layers: tracing, CORS, authentication, rules, timeout.
//!
//! Run: `cargo run --example layer_order`
//!
//! Prints: `slow handler: 504 Gateway Timeout`

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::{Router, routing::get};
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule};
use obo_examples::{BoxError, send};
use obo_testkit::TestIdp;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::cors::CorsLayer;
use tower_http::{timeout::TimeoutLayer, trace::TraceLayer};

fn app(issuer: &str) -> Result<Router, ConfigError> {
    let server = ResourceServer::builder("service-a").trust(issuer).build()?;
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static("https://shop.example.com"))
        .allow_methods([Method::GET])
        .allow_headers([header::AUTHORIZATION]);
    // In a `ServiceBuilder` the first layer runs first. With `Router::layer` the last one does.
    let layers = ServiceBuilder::new()
        // Outside of all others, so that refusals are traced too. It does not record headers.
        .layer(TraceLayer::new_for_http())
        // Outside of authentication: preflights have no token, and refusals need CORS headers.
        .layer(cors)
        .layer(BearerAuthLayer::new(server))
        // Inside of authentication: a rule needs the caller.
        .layer(RequireLayer::new(Rule::scopes(["orders:read"]))?)
        // Inside of both: it limits the handler, not the fetch of keys, which has its own limit.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            Duration::from_millis(50),
        ));
    Ok(Router::new()
        .route("/orders", get(|| async { "orders" }))
        .route("/slow", get(std::future::pending::<()>))
        .layer(layers))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;

    for (method, expected) in [("OPTIONS", 200), ("GET", 401)] {
        let request = Request::builder().method(method).uri("/orders");
        let request = request.header("origin", "https://shop.example.com");
        let request = request.header("access-control-request-method", "GET");
        let response = app.clone().oneshot(request.body(Body::empty())?).await?;
        assert_eq!(response.status(), expected);
        let allowed = response.headers().get("access-control-allow-origin");
        assert!(allowed.is_some(), "a browser may read it");
    }

    let token = idp.user("alice").audience("service-a");
    let token = token.scope("orders:read").mint();
    let (status, _) = send(&app, "GET /orders", &token).await?;
    assert_eq!(status, 200);
    let (status, _) = send(&app, "GET /slow", &token).await?;
    println!("slow handler: {status}");
    Ok(())
}
