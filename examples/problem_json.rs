//! Refusals with a body of your own: `application/problem+json` (RFC 9457).
//!
//! Run: `cargo run --example problem_json`
//!
//! Prints: `{"status":403,"title":"insufficient scope","type":"about:blank"}`

use axum::body::Body;
use axum::http::{HeaderValue, header::CONTENT_TYPE};
use axum::response::Response;
use axum::{Router, middleware::map_response, routing::get};
use obo::{BearerAuthLayer, ConfigError, Rejection, RequireLayer, ResourceServer, Rule};
use obo_examples::{BoxError, send};
use obo_testkit::TestIdp;
use serde_json::json;

fn app(issuer: &str) -> Result<Router, ConfigError> {
    let server = ResourceServer::builder("service-a").trust(issuer).build()?;
    Ok(Router::new()
        .route("/orders", get(|| async { "orders" }))
        .layer(RequireLayer::new(Rule::scopes(["orders:read"]))?)
        .layer(BearerAuthLayer::new(server))
        // Runs first, so it sees the refusals of all layers inside.
        .layer(map_response(problem)))
}

/// Writes a body into refusals. Status and `WWW-Authenticate` stay.
async fn problem(response: Response) -> Response {
    let Some(rejection) = response.extensions().get::<Rejection>() else {
        return response;
    };
    // The message is for callers. `Display` and `code` say more and are for logs.
    let refusal = rejection.response();
    let problem = json!({
        "type": "about:blank",
        "title": refusal.message(),
        "status": refusal.status().as_u16(),
    });
    let (mut parts, _) = response.into_parts();
    let json = HeaderValue::from_static("application/problem+json");
    parts.headers.insert(CONTENT_TYPE, json);
    Response::from_parts(parts, Body::from(problem.to_string()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let app = app(idp.issuer())?;
    let (status, body) = send(&app, "GET /orders", "").await?;
    println!("{status}: {body}");

    let token = idp.user("alice").audience("service-a").mint();
    let (_, body) = send(&app, "GET /orders", &token).await?;
    println!("{body}");
    Ok(())
}
