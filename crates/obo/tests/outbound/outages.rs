//! An authorization server that fails repeatedly gets no requests for a while; one that refuses
//! gets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use obo::error::ExchangeErrorKind as Kind;
use obo::{Caller, TokenExchange};
use serde_json::json;

use crate::setup::{Setup, assert_answer, audience};
use crate::stub::{Reply, Stub, issued, json};

/// A token endpoint that responds with 500 while it is down.
fn switched(setup: &Setup) -> (Stub, Arc<AtomicBool>) {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let stub = Stub::new(setup, move |_| {
        let reply: Reply = match up.load(Ordering::SeqCst) {
            true => issued("opaque", json!({})),
            false => json(500, &json!({})),
        };
        async move { reply }
    });
    (stub, is_up)
}

async fn fails(exchange: &TokenExchange, caller: &Caller, service: usize) -> Kind {
    let target = audience(&format!("service-{service}"));
    let error = exchange.token(caller, target).await.unwrap_err();
    assert_answer(&error);
    error.kind()
}

/// Three callers in turns: two are not enough to count for others.
async fn callers(setup: &Setup) -> [Caller; 3] {
    [
        setup.caller("alice").await,
        setup.caller("bob").await,
        setup.caller("carol").await,
    ]
}

#[tokio::test]
async fn five_failures_open_the_breaker() {
    let setup = Setup::start().await;
    let callers = callers(&setup).await;
    let (stub, is_up) = switched(&setup);
    let exchange = stub.exchange();
    tokio::time::pause();
    for service in 0..5 {
        let caller = &callers[service % 3];
        assert_eq!(fails(&exchange, caller, service).await, Kind::Transient);
    }
    let asked = stub.requests();
    assert_eq!(asked, 15);
    for service in 0..100 {
        let caller = &callers[service % 3];
        assert_eq!(fails(&exchange, caller, service).await, Kind::Transient);
    }
    assert_eq!(stub.requests(), asked);

    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(fails(&exchange, &callers[0], 0).await, Kind::Transient);
    assert_eq!(stub.requests(), asked + 3);
    assert_eq!(fails(&exchange, &callers[1], 1).await, Kind::Transient);
    assert_eq!(stub.requests(), asked + 3);

    is_up.store(true, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(2)).await;
    // The subject of the failed probe does not probe again.
    assert_eq!(fails(&exchange, &callers[0], 0).await, Kind::Transient);
    for service in 0..5 {
        for caller in callers.iter().rev() {
            let target = audience(&format!("service-{service}"));
            exchange.token(caller, target).await.unwrap();
        }
    }
}

#[tokio::test]
async fn failing_user_blocks_no_other() {
    let setup = Setup::start().await;
    let [alice, bob, _] = callers(&setup).await;
    let (stub, is_up) = switched(&setup);
    let exchange = stub.exchange();
    tokio::time::pause();
    for service in 0..20 {
        fails(&exchange, &alice, service).await;
    }
    is_up.store(true, Ordering::SeqCst);
    exchange.token(&bob, audience("service-b")).await.unwrap();
}

#[tokio::test]
async fn local_rejection_opens_no_breaker() {
    let setup = Setup::start().await;
    let callers = callers(&setup).await;
    let (stub, _) = switched(&setup);
    let exchange = stub
        .builder()
        .dialect(obo::dialect::keycloak::exchange())
        .build()
        .unwrap();
    tokio::time::pause();
    let unsayable = || obo::Resource::new("https://b.example/").unwrap();
    for service in 0..5 {
        let caller = &callers[service % 3];
        let error = exchange.token(caller, unsayable()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ClientMisconfigured);
        fails(&exchange, caller, service).await;
    }
    let asked = stub.requests();
    exchange.token(&callers[0], unsayable()).await.unwrap_err();
    fails(&exchange, &callers[1], 9).await;
    assert_eq!(stub.requests(), asked, "no request is sent");
}

#[tokio::test]
async fn cached_token_outlasts_open_breaker() {
    let setup = Setup::start().await;
    let [caller, other, third] = callers(&setup).await;
    let (stub, is_up) = switched(&setup);
    let exchange = stub.exchange();
    tokio::time::pause();
    is_up.store(true, Ordering::SeqCst);
    exchange.token(&caller, audience("at-hand")).await.unwrap();
    is_up.store(false, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(10)).await;
    for service in 0..6 {
        fails(&exchange, [&caller, &other, &third][service % 3], service).await;
    }
    let asked = stub.requests();
    fails(&exchange, &caller, 7).await;
    assert_eq!(stub.requests(), asked, "the circuit breaker is open");
    exchange.token(&caller, audience("at-hand")).await.unwrap();
}

#[tokio::test]
async fn rejections_open_no_breaker() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for (status, code) in [
        (400, "invalid_request"),
        (400, "invalid_grant"),
        (400, "invalid_target"),
        (401, "invalid_client"),
        (400, "interaction_required"),
        (400, "nonsense"),
    ] {
        let stub = Stub::new(&setup, move |number| {
            let reply = match number {
                0..20 => json(status, &json!({ "error": code })),
                _ => issued("opaque", json!({})),
            };
            async move { reply }
        });
        let exchange = stub.exchange();
        tokio::time::pause();
        for service in 0..20 {
            fails(&exchange, &caller, service).await;
            // A rejected client credential is not sent again within a second.
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(stub.requests(), 20);
        tokio::time::resume();
        exchange.token(&caller, audience("another")).await.unwrap();
    }
}
