//! Bound tokens inside of a nested router, and the address of the connection.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, Request as Received};
use axum::middleware::map_request;
use axum::routing::get;
use http::{Request, header};
use obo::binding::{BoundTokens, CertificateHeader};
use obo::{BearerAuthLayer, ResourceServer};
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof};

use crate::app::{alice, call, trust};

async fn origin(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    OriginalUri(original): OriginalUri,
    request: Received,
) -> Received {
    obo_axum::with_origin(request, peer, &original)
}

/// The service below `/api/v1`, with the layer inside of both routers.
fn nested(idp: &TestIdp, tokens: BoundTokens) -> Router {
    let server = ResourceServer::builder("service-a").trust(trust(idp));
    let auth = BearerAuthLayer::new(server.bound_tokens(tokens).build().unwrap());
    let orders = Router::new()
        .route("/orders/{id}", get(async || "well"))
        .layer(auth)
        .layer(map_request(origin));
    Router::new().nest("/api", Router::new().nest("/v1", orders))
}

/// DP-06
#[tokio::test]
async fn proof_names_path_before_nesting() {
    let idp = TestIdp::start().await;
    let router = nested(&idp, BoundTokens::new().dpop("https://a.example"));
    let key = TestKey::generate(TestAlg::Es256);
    let token = alice(&idp).bound_to(&key).mint();
    for (url, status) in [
        ("https://a.example/api/v1/orders/7", 200),
        ("https://a.example/orders/7", 401),
        ("https://a.example/v1/orders/7", 401),
    ] {
        let proof = TestProof::new(&key, "GET", url).token(&token).make();
        let request = Request::get("/api/v1/orders/7?x=1")
            .header(header::AUTHORIZATION, format!("DPoP {token}"))
            .header(header::HOST, "evil.example")
            .header("dpop", proof);
        let mut request = request.body(Body::empty()).unwrap();
        let peer = SocketAddr::from(([10, 0, 0, 1], 4000));
        request.extensions_mut().insert(ConnectInfo(peer));
        assert_eq!(call(&router, request).await.status, status, "{url}");
    }
}

/// MT-04
#[tokio::test]
async fn certificate_counts_from_listed_address() {
    let idp = TestIdp::start().await;
    let tokens = BoundTokens::new().certificate_header(CertificateHeader::ClientCert, ["10.0.0.1"]);
    let router = nested(&idp, tokens);
    let token = alice(&idp).bound_to_certificate(&[0x30, 3, 2, 1, 7]).mint();
    for (peer, status) in [
        (Some("10.0.0.1:4000"), 200),
        (Some("10.0.0.2:4000"), 401),
        // The server does not say where connections come from.
        (None, 500),
    ] {
        let mut request = Request::get("/api/v1/orders/7")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("client-cert", ":MAMCAQc=:")
            .body(Body::empty())
            .unwrap();
        if let Some(peer) = peer {
            let peer: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        assert_eq!(call(&router, request).await.status, status, "{peer:?}");
    }
}
