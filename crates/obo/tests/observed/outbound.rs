//! Events and metrics of exchanges: outcomes, evictions and circuit breakers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode};
use metrics_util::debugging::{DebuggingRecorder, Snapshotter};
use obo::Destination;
use obo::exchange::CacheBounds;
use obo::time::Clock;
use tokio::runtime::Builder;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::counted::recorded;
use crate::stub::{ISSUED, Stub, audience};
use obo_test_support::listen;
use obo_test_support::{Log, has};

/// Runs `work` on this thread with a recorder of metrics.
pub(crate) fn counted<F: Future>(work: impl FnOnce(Metrics) -> F) -> F::Output {
    let recorder = DebuggingRecorder::new();
    let metrics = Metrics {
        snapshots: recorder.snapshotter(),
        totals: RefCell::default(),
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work(metrics)))
}

pub(crate) struct Metrics {
    snapshots: Snapshotter,
    totals: RefCell<HashMap<String, i64>>,
}

impl Metrics {
    /// The sum of a metric with these labels since the last snapshot.
    pub(crate) fn total(&self, name: &str, labels: &str) -> i64 {
        let mut totals = self.totals.borrow_mut();
        for (name, value) in recorded(self.snapshots.snapshot()) {
            *totals.entry(name).or_default() += value;
        }
        let total = totals.get(&format!("{name} {labels}"));
        total.copied().unwrap_or_default()
    }

    /// The value of a gauge since the last snapshot; 0 if it was not set.
    fn set(&self, name: &str, labels: &str) -> i64 {
        self.totals.borrow_mut().clear();
        self.total(name, labels)
    }
}

const DOWN: (u16, &str) = (500, "{}");
const REFUSED: (u16, &str) = (401, r#"{"error":"invalid_client"}"#);

/// OB-07
#[test]
fn breaker_is_logged_and_counted() {
    counted(async |metrics| {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(log.clone())
            .finish();
        let _guard = listen(subscriber);
        let stub = Stub::start().await;
        let callers = [
            stub.caller("alice").await,
            stub.caller("bob").await,
            stub.caller("carol").await,
        ];
        let labels = format!("endpoint=token issuer={}", stub.issuer());
        let is_open = || metrics.set("obo_breaker_open", &labels);
        // Three users, because one or two do not open the circuit breaker.
        let exchange_for = |target: &str| {
            let caller = &callers[usize::from(target.as_bytes()[0] % 3)];
            stub.exchange.token(caller, audience(target))
        };
        tokio::time::pause();
        stub.respond(DOWN);
        for target in ["a", "b", "c", "d", "e"] {
            assert_eq!(is_open(), 0);
            exchange_for(target).await.unwrap_err();
        }
        assert_eq!(is_open(), 1);
        let quoted = format!("issuer=\"{}\"", stub.issuer());
        let opened = log.lines("circuit breaker opened");
        assert_eq!(opened.len(), 1);
        has(&opened[0], &["WARN", &quoted]);

        stub.respond(ISSUED);
        tokio::time::advance(Duration::from_secs(1)).await;
        exchange_for("a").await.unwrap();
        assert_eq!(is_open(), 0);
        let again = log.lines("circuit breaker closed");
        assert_eq!(again.len(), 1);
        has(&again[0], &["WARN", &quoted]);

        let not = log.lines("token not exchanged");
        assert_eq!(not.len(), 5);
        has(
            &not[0],
            &[
                "WARN",
                r#"code="transient""#,
                "target_audience=\"a\"",
                "seconds=",
            ],
        );
        let exchanged = log.lines("token exchanged");
        assert_eq!(exchanged.len(), 1);
        has(
            &exchanged[0],
            &["DEBUG", "target_audience=\"a\"", "seconds="],
        );
        for line in log.lines("") {
            for secret in ["t0ken-of-the-stub", "s3cret", "alice"] {
                assert!(!line.contains(secret), "{line}");
            }
        }
    });
}

/// OB-07
#[test]
fn exchanges_are_counted_by_class() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let alice = stub.caller("alice").await;
        let under_way = || metrics.total("obo_exchanges_under_way", "");
        stub.gate
            .forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
        let mut calls: Vec<_> = ["b", "b", "c"]
            .map(|target| Box::pin(stub.exchange.token(&alice, audience(target))))
            .into();
        for call in &mut calls {
            assert!(call.now_or_never().is_none());
        }
        tokio::task::yield_now().await;
        assert_eq!(under_way(), 2);
        // A cancelled caller leaves the exchange running.
        calls.truncate(2);
        assert_eq!(under_way(), 2);
        stub.gate.add_permits(100);
        for call in calls {
            call.await.unwrap();
        }
        stub.exchange.token(&alice, audience("c")).await.unwrap();
        assert_eq!(under_way(), 0);
        stub.respond(REFUSED);
        stub.exchange
            .token(&alice, audience("d"))
            .await
            .unwrap_err();
        assert_eq!(under_way(), 0);

        let ended = |labels| metrics.total("obo_exchanges_total", labels);
        assert_eq!(ended("outcome=ok target=b"), 1);
        assert_eq!(ended("outcome=ok target=c"), 1);
        assert_eq!(ended("outcome=client_misconfigured target=d"), 1);
        let misses = metrics.total("obo_exchange_cache_total", "result=miss");
        assert!(misses >= 4, "{misses}");
    });
}

/// OB-07
#[test]
fn evictions_are_counted_by_cause() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let (alice, bob) = (stub.caller("alice").await, stub.caller("bob").await);
        let let_go = |cause: &str| {
            let cause = format!("cause={cause}");
            metrics.total("obo_exchange_cache_evictions_total", &cause)
        };
        let exchange_for = async |exchange: &obo::TokenExchange, caller, target: usize| {
            let target = audience(&format!("service-{target}"));
            exchange.token(caller, target).await.unwrap();
        };
        tokio::time::pause();

        // First the limit of a subject, then the limit of the whole cache.
        let few = CacheBounds::new().entries_per_subject(2);
        let few = stub.builder().cache(few).build().unwrap();
        for target in 0..5 {
            exchange_for(&few, &alice, target).await;
        }
        assert_eq!(let_go("subject"), 3);
        let small = CacheBounds::new().bytes(2048);
        let small = stub.builder().cache(small).build().unwrap();
        for target in 0..20 {
            exchange_for(&small, &alice, target).await;
        }
        assert!(let_go("capacity") > 3);

        let to_b = Destination::new("https://b.example", audience("service-0")).unwrap();
        let rejecting = service_fn(|_: Request<()>| async {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Ok::<_, std::convert::Infallible>(response)
        });
        let service = stub.exchange.to_destination(to_b).unwrap().layer(rejecting);
        let service = service.on_behalf_of(&alice);
        service.oneshot(Request::new(())).await.unwrap();
        assert_eq!(let_go("rejected"), 1);

        let exchange = stub.exchange.clone();
        for target in 0..3 {
            exchange_for(&exchange, &alice, target).await;
        }
        exchange.revoke(&stub.issuer(), "alice", Clock::system().now());
        assert_eq!(let_go("revoked"), 3);

        // Bob makes no further request. A request of another user evicts bob's entries.
        exchange_for(&exchange, &bob, 0).await;
        exchange_for(&exchange, &bob, 1).await;
        let carol = stub.exchange.clone();
        tokio::time::advance(Duration::from_secs(299)).await;
        let own = carol.app_only_token(audience("service-0")).await;
        own.unwrap();
        assert_eq!(let_go("expired"), 2);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(let_go("expired"), 2);
    });
}
