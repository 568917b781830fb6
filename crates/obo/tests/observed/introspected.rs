use metrics_util::debugging::DebuggingRecorder;
use obo::{Client, ClientSecretBasic, Introspection, ResourceServer, Trust};
use obo_testkit::{Endpoint, Fault, TestIdp};

use crate::counted::recorded;

/// OB-07
#[test]
fn introspections_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // The server is kept: a dropped one would close its circuit breaker.
    let (issuer, _server) =
        metrics::with_local_recorder(&recorder, || runtime.block_on(introspections()));
    let recorded = recorded(snapshots.snapshot());
    let count = |name: &str| recorded.iter().find(|(found, _)| found == name).unwrap().1;
    for (outcome, times) in [("ok", 1), ("inactive", 2), ("introspection_unavailable", 5)] {
        let labels = format!("issuer={issuer} outcome={outcome}");
        assert_eq!(count(&format!("obo_introspections_total {labels}")), times);
        let took = format!("obo_introspection_duration_seconds outcome={outcome}");
        assert_eq!(count(&took), times);
    }
    let open = format!("obo_breaker_open endpoint=introspection issuer={issuer}");
    assert_eq!(count(&open), 1);
    assert_eq!(count("obo_token_cache_total result=hit"), 1);
}

/// One active token introspected twice, two forged ones, and five requests that fail.
async fn introspections() -> (String, ResourceServer) {
    let idp = TestIdp::start().await;
    idp.client("service-a").secret("s3cret");
    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let trust = Trust::new(idp.issuer()).introspect(Introspection::new(client));
    let server = ResourceServer::builder("service-a").trust(trust);
    let server = server.build().unwrap();
    let token = idp.user("alice").audience("service-a").mint_opaque();
    for _ in 0..2 {
        server.validate(&token).await.unwrap();
    }
    for made_up in ["one", "two"] {
        server.validate(made_up).await.unwrap_err();
    }
    // Not 500, which a forged token may cause, and which opens no circuit breaker.
    idp.fault(Endpoint::Introspection, Fault::Status(503));
    for number in 0..5 {
        server
            .validate(&format!("failing-{number}"))
            .await
            .unwrap_err();
    }
    (idp.issuer().to_owned(), server)
}
