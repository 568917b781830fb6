//! Each refusal inside the layer is in the audit trail once, with caller and request.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, header};
use obo::{BearerAuthLayer, Rejection, RequireLayer, ResourceServer, Rule};
use obo_axum::{Authenticated, Error, User};
use obo_examples::stock::stock_client::StockClient;
use obo_examples::stock::stock_server::{Stock, StockServer};
use obo_examples::stock::{Availability, Sku};
use obo_testkit::TestIdp;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Response, Status};
use tower::ServiceExt as _;

use crate::setup::audience;
use obo_test_support::Log;

fn server(idp: &TestIdp) -> ResourceServer {
    let issuer = obo::Issuer::new(idp.issuer()).unwrap();
    ResourceServer::builder(audience("service-a"))
        .trust(issuer)
        .build()
        .unwrap()
}

async fn check(Authenticated(caller): Authenticated) -> Result<(), Error> {
    Rule::no_actor().check(&caller)?;
    Ok(())
}

async fn no_credentials() -> Error {
    Rejection::MissingCredentials.into()
}

/// Routes that refuse in different ways, behind two layers: the outer one sees what the inner one
/// has recorded.
fn router(idp: &TestIdp) -> Router {
    let by_layer = get(async || ()).layer(RequireLayer::new(Rule::no_actor()).unwrap());
    let bearer = BearerAuthLayer::new(server(idp));
    Router::new()
        .route("/layer", by_layer)
        .route("/extractor", get(async |_: User| ()))
        .route("/handler", get(check))
        .route("/anonymous", get(no_credentials))
        .layer(bearer.clone().allow_anonymous())
        .layer(bearer.allow_anonymous())
}

async fn status(router: &Router, path: &str, token: Option<&str>) -> u16 {
    let mut request = Request::get(format!("{path}?secret=1"));
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).unwrap();
    router
        .clone()
        .oneshot(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

/// Takes the one recorded refusal, which must have these fields.
fn assert_recorded(log: &Log, fields: &[&str]) {
    let refusals = log.take_lines("request refused");
    let [refusal] = &*refusals else {
        panic!("{refusals:#?}");
    };
    for field in fields.iter().chain(&["obo::audit", r#"decision="deny""#]) {
        assert!(refusal.contains(field), "{field} in {refusal}");
    }
    assert!(!refusal.contains("secret") && !refusal.contains("alice"));
}

/// OB-08
#[tokio::test]
async fn each_refusal_is_logged_once() {
    let (log, _guard) = Log::capture();
    let idp = TestIdp::start().await;
    let router = router(&idp);
    let acting = idp.user("alice").audience("service-a").actor("service-x");
    let acting = acting.client_id("the-app").mint();
    let service = idp.service("service-s").audience("service-a").mint();
    let actor = r#"code="actor_refused""#;
    for (path, token, expected, code, client) in [
        ("/layer", &acting, 403, actor, "the-app"),
        ("/handler", &acting, 403, actor, "the-app"),
        (
            "/extractor",
            &service,
            403,
            r#"code="subject_refused""#,
            "service-s",
        ),
    ] {
        assert_eq!(status(&router, path, Some(token)).await, expected);
        let path = format!("path=\"{path}\"");
        let client = format!("client_id=\"{client}\"");
        assert_recorded(&log, &[code, &path, &client, "GET", "subject=", "reason="]);
    }
    for path in ["/anonymous", "/extractor"] {
        assert_eq!(status(&router, path, None).await, 401);
        let path = format!("path=\"{path}\"");
        assert_recorded(&log, &[r#"code="missing_credentials""#, &path]);
    }
    assert_eq!(status(&router, "/extractor", Some(&acting)).await, 200);
    assert!(log.take_lines("request refused").is_empty());
}

/// Refuses a caller with an actor.
struct Direct;

#[tonic::async_trait]
impl Stock for Direct {
    async fn level(&self, request: tonic::Request<Sku>) -> Result<Response<Availability>, Status> {
        let caller = obo_tonic::caller(&request)?;
        let checked = Rule::no_actor().check(caller);
        checked.map_err(|rejection| obo_tonic::status(&rejection.response()))?;
        Ok(Response::new(Availability::default()))
    }
}

async fn serve(idp: &TestIdp, rule: Option<Rule>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bearer = BearerAuthLayer::new(server(idp)).allow_anonymous();
    let layered = Server::builder().layer(bearer.clone()).layer(bearer);
    let mut layered = layered.layer(obo_tonic::RejectionLayer);
    let router = match rule {
        Some(rule) => layered.add_service(StockServer::with_interceptor(
            Direct,
            obo_tonic::require(rule).unwrap(),
        )),
        None => layered.add_service(StockServer::new(Direct)),
    };
    tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

async fn level(address: SocketAddr, token: Option<&str>) -> Result<(), Status> {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let mut request = tonic::Request::new(Sku { id: "tea".into() });
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let mut client = StockClient::new(channel.connect_lazy());
    client.level(request).await.map(drop)
}

/// OB-08
#[tokio::test]
async fn each_grpc_status_is_logged_once() {
    let (log, _guard) = Log::capture();
    let idp = TestIdp::start().await;
    let direct = serve(&idp, None).await;
    let users = serve(&idp, Some(Rule::user())).await;
    let acting = idp.user("alice").audience("service-a").actor("service-x");
    let acting = acting.mint();
    let service = idp.service("service-s").audience("service-a").mint();
    for (address, token, code) in [
        (direct, Some(&acting), "actor_refused"),
        (direct, None, "missing_credentials"),
        (users, Some(&service), "subject_refused"),
        (users, None, "missing_credentials"),
    ] {
        level(address, token.map(String::as_str)).await.unwrap_err();
        let code = format!("code=\"{code}\"");
        let call = [r#"method="POST""#, r#"path="/stock.Stock/Level""#, &code];
        assert_recorded(&log, &call);
    }
    level(direct, Some(&service)).await.unwrap();
    assert!(log.take_lines("request refused").is_empty());
}
