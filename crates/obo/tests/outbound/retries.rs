//! What is retried, how often, and when.

use std::future::{pending, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::{DATE, RETRY_AFTER};
use obo::error::ExchangeErrorKind as Kind;
use obo::{Caller, ExchangeError};
use serde_json::json;
use tokio::time::{Instant, advance};

use crate::setup::{Setup, audience};
use crate::stub::{Reply, Stub, issued};

fn status(code: u16) -> Reply {
    let mut reply = crate::stub::json(code, &json!({}));
    *reply.body_mut() = Default::default();
    reply
}

fn later(code: u16, seconds: &'static str) -> Reply {
    let mut reply = status(code);
    reply
        .headers_mut()
        .insert(RETRY_AFTER, seconds.parse().unwrap());
    reply
}

async fn failed(stub: &Stub, setup: &Setup) -> ExchangeError {
    let caller = setup.caller("alice").await;
    tokio::time::pause();
    let exchanged = stub.exchange().token(&caller, audience("service-b")).await;
    tokio::time::resume();
    exchanged.unwrap_err()
}

/// TE-08
#[tokio::test]
async fn only_transient_failures_are_retried() {
    let setup = Setup::start().await;
    for (reply, requests, kind) in [
        (status(500), 3, Kind::Transient),
        (status(503), 3, Kind::Transient),
        (status(429), 3, Kind::Throttled),
        (status(400), 1, Kind::ResponseUnusable),
        (status(401), 1, Kind::ClientMisconfigured),
        (status(404), 1, Kind::ResponseUnusable),
        (status(200), 1, Kind::ResponseUnusable),
        (
            crate::stub::json(400, &json!({"error": "invalid_grant"})),
            1,
            Kind::SubjectInvalid,
        ),
        (
            crate::stub::json(400, &json!({"error": "invalid_target"})),
            1,
            Kind::TargetDenied,
        ),
    ] {
        let code = reply.status();
        let stub = Stub::new(&setup, move |_| ready(reply.clone()));
        let error = failed(&stub, &setup).await;
        assert_eq!((stub.requests(), error.kind()), (requests, kind), "{code}");
    }
}

/// TE-08
#[tokio::test]
async fn transient_failure_is_hidden() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for failures in 1..=2 {
        let stub = Stub::new(&setup, move |number| {
            ready(match number < failures {
                true => status(502),
                false => issued("opaque", json!({})),
            })
        });
        let exchange = stub.exchange();
        exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
        assert_eq!(stub.requests(), failures + 1);
    }
}

/// Callers by name, each validated.
async fn callers<const N: usize>(setup: &Setup, names: [&str; N]) -> Vec<Caller> {
    let mut callers = Vec::new();
    for name in names {
        callers.push(setup.caller(name).await);
    }
    callers
}

/// TE-08
#[tokio::test]
async fn short_pause_is_waited_out() {
    let setup = Setup::start().await;
    let alice = setup.caller("alice").await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0 => later(429, "4"),
            _ => issued("opaque", json!({})),
        })
    });
    let exchange = stub.exchange();
    tokio::time::pause();
    let started = Instant::now();
    exchange.token(&alice, audience("service-b")).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(4));
    assert_eq!(stub.requests(), 2);
}

/// TE-08
#[tokio::test]
async fn user_pause_stops_no_other() {
    let setup = Setup::start().await;
    let [alice, bob] = &callers(&setup, ["alice", "bob"]).await[..] else {
        panic!("two callers");
    };
    for reply in [later(429, "300"), later(503, "300")] {
        let stub = Stub::new(&setup, move |number| {
            ready(match number {
                0 => reply.clone(),
                _ => issued("opaque", json!({})),
            })
        });
        let exchange = stub.exchange();
        tokio::time::pause();
        exchange.token(alice, audience("b")).await.unwrap_err();
        let again = exchange.token(alice, audience("b")).await.unwrap_err();
        assert_eq!(again.kind(), Kind::Throttled);
        assert_eq!(stub.requests(), 1);
        exchange.token(bob, audience("b")).await.unwrap();
        exchange.token(alice, audience("c")).await.unwrap();
        assert_eq!(stub.requests(), 3);
        tokio::time::resume();
    }
}

/// TE-08
#[tokio::test]
async fn pause_of_several_users_stops_all() {
    let setup = Setup::start().await;
    let callers = callers(&setup, ["alice", "bob", "carol", "dave"]).await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0..3 => later(503, "60"),
            _ => issued("opaque", json!({})),
        })
    });
    let exchange = stub.exchange();
    tokio::time::pause();
    for caller in &callers[..3] {
        let error = exchange.token(caller, audience("b")).await.unwrap_err();
        assert_eq!(error.response().retry_after(), Some(60));
    }
    advance(Duration::from_secs(10)).await;
    let dave = exchange.token(&callers[3], audience("b")).await;
    let error = dave.unwrap_err();
    assert_eq!(error.kind(), Kind::Throttled);
    assert_eq!(error.response().retry_after(), Some(50));
    assert_eq!(stub.requests(), 3);
    // All three were paused over one target.
    exchange.token(&callers[3], audience("c")).await.unwrap();
    advance(Duration::from_secs(50)).await;
    exchange.token(&callers[3], audience("b")).await.unwrap();
}

/// TE-08
#[tokio::test]
async fn several_targets_pause_the_endpoint() {
    let setup = Setup::start().await;
    let callers = callers(&setup, ["alice", "bob", "carol", "dave"]).await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0..3 => later(429, "60"),
            _ => issued("opaque", json!({})),
        })
    });
    let exchange = stub.exchange();
    tokio::time::pause();
    for (caller, target) in callers.iter().zip(["a", "b", "c"]) {
        exchange.token(caller, audience(target)).await.unwrap_err();
    }
    let error = exchange.token(&callers[3], audience("d")).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Throttled);
    assert_eq!(stub.requests(), 3);
    advance(Duration::from_secs(60)).await;
    exchange.token(&callers[3], audience("d")).await.unwrap();
}

/// TE-08
#[tokio::test]
async fn pause_may_be_a_date() {
    let setup = Setup::start().await;
    let alice = setup.caller("alice").await;
    let stub = Stub::new(&setup, |number| {
        let mut reply = later(503, "Wed, 21 Oct 2026 07:28:04 GMT");
        let date = "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap();
        reply.headers_mut().insert(DATE, date);
        ready(match number {
            0 => reply,
            _ => issued("opaque", json!({})),
        })
    });
    let exchange = stub.exchange();
    tokio::time::pause();
    let started = Instant::now();
    exchange.token(&alice, audience("service-b")).await.unwrap();
    let took = started.elapsed();
    assert!(
        took >= Duration::from_secs(4) && took < Duration::from_secs(5),
        "{took:?}"
    );
    assert_eq!(stub.requests(), 2);
}

/// TE-08
#[tokio::test]
async fn hung_attempt_is_not_retried() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |_| pending());
    let caller = setup.caller("alice").await;
    tokio::time::pause();
    let started = Instant::now();
    let exchange = stub.exchange();
    let error = exchange.token(&caller, audience("service-b")).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Transient);
    assert_eq!((stub.requests(), started.elapsed().as_secs()), (1, 5));
    assert!(
        exchange
            .token(&caller, audience("service-b"))
            .now_or_never()
            .is_none()
    );
}

/// A refusal while it is cached within `kept`, and a request to the server after it.
async fn kept_for(setup: &Setup, error: &'static str, kept: Duration) {
    let stub = Stub::new(setup, move |number| {
        ready(match number {
            0 => crate::stub::json(400, &json!({ "error": error })),
            _ => issued("opaque", json!({})),
        })
    });
    let (alice, bob) = (setup.caller("alice").await, setup.caller("bob").await);
    let exchange = stub.exchange();
    tokio::time::pause();
    let ask = || exchange.token(&alice, audience("service-b"));
    let first = ask().await.unwrap_err();
    advance(kept - Duration::from_millis(1)).await;
    let again = ask()
        .now_or_never()
        .expect("a response without waiting")
        .unwrap_err();
    assert_eq!((again.kind(), stub.requests()), (first.kind(), 1));

    exchange.token(&bob, audience("service-b")).await.unwrap();
    exchange.token(&alice, audience("service-c")).await.unwrap();
    assert_eq!(
        stub.requests(),
        3,
        "not of other subjects, and for no other target"
    );
    advance(Duration::from_millis(1)).await;
    ask().await.unwrap();
    tokio::time::resume();
}

/// TX-21
#[tokio::test]
async fn refusal_is_cached_by_class() {
    let setup = Setup::start().await;
    kept_for(&setup, "invalid_grant", Duration::from_secs(30)).await;
    kept_for(&setup, "invalid_target", Duration::from_secs(5)).await;
}

/// SU-08
#[tokio::test]
async fn step_up_holds_until_new_token() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0 => crate::stub::json(400, &json!({ "error": "interaction_required" })),
            _ => issued("opaque", json!({})),
        })
    });
    let (weak, strong) = (setup.caller("alice").await, setup.caller("alice").await);
    let exchange = stub.exchange();
    for _ in 0..2 {
        let refused = exchange.token(&weak, audience("service-b")).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::StepUp);
    }
    exchange
        .token(&strong, audience("service-b"))
        .await
        .unwrap();
    assert_eq!(stub.requests(), 2);
}

/// TE-08
#[tokio::test]
async fn last_pause_holds_next_time() {
    let setup = Setup::start().await;
    let alice = setup.caller("alice").await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0..3 => status(429),
            _ => issued("opaque", json!({})),
        })
    });
    let exchange = stub.exchange();
    tokio::time::pause();
    let first = exchange.token(&alice, audience("service-b")).await;
    assert_eq!(first.unwrap_err().kind(), Kind::Throttled);
    let failed = Instant::now();
    exchange.token(&alice, audience("service-b")).await.unwrap();
    assert!(failed.elapsed() >= Duration::from_secs(1));
}
