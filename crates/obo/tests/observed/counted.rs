use std::collections::BTreeSet;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshot};
use obo::Audience;

use crate::running::Running;

/// The metrics with their labels and values.
pub(crate) fn recorded(snapshot: Snapshot) -> Vec<(String, i64)> {
    let metrics = snapshot.into_vec().into_iter();
    let mut recorded: Vec<_> = metrics
        .map(|(key, _, _, value)| {
            let (_, key) = key.into_parts();
            let labels: BTreeSet<_> = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let labels = labels.into_iter().collect::<Vec<_>>().join(" ");
            let count = match value {
                DebugValue::Counter(count) => count as i64,
                DebugValue::Gauge(now) => now.into_inner() as i64,
                DebugValue::Histogram(values) => values.len() as i64,
            };
            (format!("{} {labels}", key.name()), count)
        })
        .collect();
    recorded.sort();
    recorded
}

/// OB-07
#[test]
fn metrics_have_no_unverified_labels() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let issuer = metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let running = Running::start().await;
            let token = running.idp.user("alice").audience("service-a");
            let token = token.actor("service-d").mint();
            for _ in 0..3 {
                assert_eq!(running.call(Some(&token)).await, 200);
            }
            for i in 0..20 {
                let made_up = running
                    .idp
                    .user("x")
                    .issuer(&format!("https://{i}.example"));
                assert_eq!(running.call(Some(&made_up.mint())).await, 401);
            }
            let caller = running.server.validate(&token).await.unwrap();
            for target in ["service-b", "service-b", "service-z"] {
                let target = Audience::new(target).unwrap();
                let _ = running.exchange.token(&caller, target).await;
            }
            running.idp.issuer().to_owned()
        })
    });
    let recorded = recorded(snapshots.snapshot());
    let count = |name: &str, labels: &str| {
        let name = format!("{name} {labels}");
        let found = recorded.iter().find(|(found, _)| *found == name);
        found.unwrap_or_else(|| panic!("{name} in {recorded:#?}")).1
    };
    let of = |labels: &str| format!("{labels} issuer={issuer}");
    assert_eq!(
        count(
            "obo_requests_total",
            &format!("code=ok issuer={issuer} outcome=allowed")
        ),
        3
    );
    assert_eq!(
        count(
            "obo_requests_total",
            "code=unknown_issuer issuer= outcome=refused"
        ),
        20
    );
    assert_eq!(count("obo_token_cache_total", "result=hit"), 3);
    assert_eq!(
        count(
            "obo_key_set_fetches_total",
            &format!("issuer={issuer} outcome=ok")
        ),
        1
    );
    assert!(count("obo_key_set_keys", of("").trim()) >= 3);
    assert_eq!(count("obo_exchange_cache_total", "result=hit"), 1);
    let exchanges = |outcome: &str, target: &str| {
        let labels = format!("outcome={outcome} target={target}");
        count("obo_exchanges_total", &labels)
    };
    assert_eq!(exchanges("ok", "service-b"), 1);
    assert_eq!(exchanges("target_denied", "service-z"), 1);
    assert_eq!(
        count("obo_exchange_duration_seconds", "target=service-b"),
        1
    );
}
