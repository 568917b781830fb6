//! RFC 9728 with a router: the document outside the layer, and its URL in the challenges of
//! extractors and handlers.

use axum::Router;
use axum::routing::get;
use http::Request;
use obo::{BearerAuthLayer, ProtectedResource, Resource, ResourceServer, Rule};
use obo_axum::{Authenticated, Error};
use obo_testkit::TestIdp;

use crate::app::{alice, call, trust, with_token, without_token};

const PATH: &str = "/.well-known/oauth-protected-resource/orders";
const NAMED: &str =
    r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource/orders""#;

async fn any_caller(Authenticated(caller): Authenticated) -> Result<(), Error> {
    Rule::service().check(&caller)?;
    Ok(())
}

fn router(idp: &TestIdp) -> Router {
    let server = ResourceServer::builder("service-a").trust(trust(idp));
    let server = server.build().unwrap();
    let identifier = Resource::new("https://api.example/orders").unwrap();
    let resource = ProtectedResource::new(identifier, &server).unwrap();
    let layer = BearerAuthLayer::new(server).allow_anonymous();
    Router::new()
        .route("/orders", get(any_caller))
        .layer(layer.protected_resource(&resource))
        .route_service(resource.well_known_path(), resource.service())
}

/// PR-07
#[tokio::test]
async fn metadata_document_is_public() {
    let idp = TestIdp::start().await;
    let router = router(&idp);
    let got = call(&router, without_token(PATH)).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.headers["content-type"], "application/json");
    assert!(got.body.contains(idp.issuer()), "{}", got.body);
    assert_eq!(call(&router, with_token(PATH, "x")).await, got);
    let head = Request::head(PATH).body(axum::body::Body::empty());
    let head = call(&router, head.unwrap()).await;
    assert_eq!((head.status, &*head.body), (got.status, ""));
    assert_eq!(head.headers["content-length"], got.body.len().to_string());
    let post = Request::post(PATH).body(axum::body::Body::empty());
    assert_eq!(call(&router, post.unwrap()).await.status, 405);
    assert!(idp.requests().is_empty());
}

/// PR-04
#[tokio::test]
async fn challenges_name_metadata_document() {
    let idp = TestIdp::start().await;
    let router = router(&idp);
    let by_extractor = call(&router, without_token("/orders")).await;
    by_extractor.assert_refused(401, Some(&format!("Bearer {NAMED}")));
    let by_layer = call(&router, with_token("/orders", "x")).await;
    let invalid = format!(r#"Bearer {NAMED}, error="invalid_token""#);
    by_layer.assert_refused(401, Some(&invalid));
    let by_handler = call(&router, with_token("/orders", &alice(&idp).mint())).await;
    let denied = format!(r#"Bearer {NAMED}, error="insufficient_scope""#);
    by_handler.assert_refused(403, Some(&denied));
}
