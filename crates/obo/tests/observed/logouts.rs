//! What is counted and logged of logouts.

use http::Request;
use metrics_util::debugging::DebuggingRecorder;
use obo::ResourceServer;
use obo::fleet::Fleet;
use obo::logout::{BackchannelLogout, SecurityEvents};
use obo_test_support::{Log, has};
use obo_testkit::TestIdp;
use tower::ServiceExt as _;

use crate::counted::recorded;

/// One of each outcome. Returns the statuses.
async fn logouts() -> Vec<u16> {
    let idp = TestIdp::start().await;
    let server = ResourceServer::builder("service-a").trust(idp.issuer());
    let (server, fleet) = (server.build().unwrap(), Fleet::builder().build().unwrap());
    let logout = BackchannelLogout::new(&server, &fleet, "client-a").unwrap();
    let form = |token: &str| {
        Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("logout_token={token}"))
            .unwrap()
    };
    let pushed = |token: &str| {
        Request::post("/")
            .header("content-type", "application/secevent+jwt")
            .body(token.to_owned())
            .unwrap()
    };
    idp.stop();
    let early = idp.logout_token("alice-in-logs", "client-a").mint();
    let mut responses = vec![logout.clone().oneshot(form(&early)).await.unwrap()];
    idp.resume().await;
    // The keys are fetched again after a pause, so another process has none.
    let server = ResourceServer::builder("service-a").trust(idp.issuer());
    let server = server.build().unwrap();
    let logout = BackchannelLogout::new(&server, &fleet, "client-a").unwrap();
    for token in [&early, &early, "x"] {
        responses.push(logout.clone().oneshot(form(token)).await.unwrap());
    }
    let events = SecurityEvents::new(&server, &fleet, "client-a").unwrap();
    let event = |name: &str| {
        let event = idp.security_event(name, "alice-in-logs");
        event.audience("client-a").mint()
    };
    let revoked = event("session-revoked");
    for token in [&revoked, &revoked, &event("other")] {
        responses.push(events.clone().oneshot(pushed(token)).await.unwrap());
    }
    responses.iter().map(|it| it.status().as_u16()).collect()
}

#[test]
fn logouts_are_counted_and_logged() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (log, _guard) = Log::capture();
    let statuses = metrics::with_local_recorder(&recorder, || runtime.block_on(logouts()));
    assert_eq!(statuses, [503, 200, 400, 400, 202, 202, 202]);
    let recorded = recorded(snapshots.snapshot());
    let mut counts = recorded
        .iter()
        .filter(|(name, _)| name.starts_with("obo_logouts_total"));
    for (kind, outcome, count) in [
        ("backchannel", "refused", 2),
        ("backchannel", "revoked", 1),
        ("backchannel", "unavailable", 1),
        ("security_event", "ignored", 1),
        ("security_event", "repeated", 1),
        ("security_event", "revoked", 1),
    ] {
        let name = format!("obo_logouts_total kind={kind} outcome={outcome}");
        assert_eq!(counts.next(), Some(&(name, count)));
    }
    assert_eq!(counts.next(), None);

    let lines = log.lines("logout received");
    assert_eq!(lines.len(), 7);
    has(&lines[0], &["WARN", "unavailable", "backchannel"]);
    has(&lines[1], &["INFO", "revoked", "issuer="]);
    has(&lines[2], &["INFO", "refused", "code=\"repeated\""]);
    has(&lines[3], &["INFO", "refused", "code=\"malformed_token\""]);
    has(&lines[6], &["DEBUG", "ignored", "security_event"]);
    assert!(
        !log.text().contains("alice-in-logs"),
        "a user is in the log"
    );
}

#[test]
fn end_of_listening_is_logged() {
    let fleet = Fleet::builder().build().unwrap();
    let (log, _guard) = Log::capture();
    let run = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().unwrap();
        runtime.block_on(async {
            fleet.start().await.unwrap();
            tokio::task::yield_now().await;
        });
    };
    let restarts = || log.lines("listening for logouts ended and starts again");
    run();
    assert_eq!(restarts().len(), 0);
    run();
    let lines = restarts();
    assert_eq!(lines.len(), 1);
    has(&lines[0], &["WARN", "reason=\"its runtime ended\""]);
}
