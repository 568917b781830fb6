//! Trace context and audit records.

use axum::body::Body;
use obo::audit::PseudonymKey;
use obo_test_support::{Log, has};

use crate::world::World;

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// OB-04
#[tokio::test]
async fn context_reaches_upstream_and_server() {
    let (log, _guard) = Log::capture();
    let world = World::start().await;
    let request = world.request("GET", "/orders/7");
    let request = request
        .header("traceparent", PARENT)
        .header("tracestate", "a=1");
    let got = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(got.status, 200);
    let exchange = world.idp.requests().pop().unwrap();
    assert_eq!(exchange.path, "/token");
    for headers in [&world.upstream.only().headers, &exchange.headers] {
        let parent = headers["traceparent"].to_str().unwrap();
        assert!(parent.contains(ID) && parent != PARENT, "{parent}");
        assert_eq!(headers["tracestate"], "a=1");
    }
    for record in [r#"record="request""#, r#"record="token""#] {
        has(&log.lines(record)[0], &[&format!("trace_id=\"{ID}\"")]);
    }
}

/// OB-04, OB-08
#[tokio::test]
async fn refused_request_has_a_trace() {
    let (log, _guard) = Log::capture();
    let world = World::start().await;
    assert_eq!(world.get("opaque", "/orders/7").await.status, 401);
    for record in log.lines("request refused") {
        has(&record, &["trace_id="]);
    }
}

/// OB-06
#[tokio::test]
async fn both_sides_use_key_of_file() {
    let (log, _guard) = Log::capture();
    let key = "07".repeat(32);
    let audit = format!("\n[audit]\npseudonym_key = \"{key}\"\n");
    let world = World::configured(&audit).await;
    let got = world.send(
        world
            .request("GET", "/orders/7")
            .body(Body::empty())
            .unwrap(),
    );
    assert_eq!(got.await.status, 200);
    let server = obo::ResourceServer::builder("service-a").trust(world.idp.issuer());
    let caller = server
        .build()
        .unwrap()
        .validate(&world.alice().mint())
        .await;
    let expected = PseudonymKey::parse(&key).unwrap().of(&caller.unwrap());
    for record in [r#"record="request""#, r#"record="token""#] {
        has(&log.lines(record)[0], &[&format!("subject=\"{expected}\"")]);
    }
}
