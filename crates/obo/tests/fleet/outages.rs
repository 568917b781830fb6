use std::time::Duration;

use obo::Rejection;
use obo::fleet::{Fleet, Revoked};
use tokio::time::timeout;

use crate::replicas::{Replicas, SECOND, now, ring, settle};

#[tokio::test]
async fn failed_store_costs_no_call() {
    let replicas = Replicas::start().await;
    replicas.store.fail(true);
    let one = replicas.one();
    for user in ["alice", "bob", "carol", "dave", "erin"] {
        let caller = one.caller(&replicas.token(user)).await;
        one.token(&caller).await.unwrap();
    }
    assert_eq!(replicas.idp.token_requests(), 5);
    // The circuit breaker has opened.
    let calls = replicas.store.calls();
    let caller = one.caller(&replicas.token("frank")).await;
    one.token(&caller).await.unwrap();
    assert_eq!(replicas.store.calls(), calls);
}

#[tokio::test]
async fn hanging_store_costs_the_deadline() {
    let replicas = Replicas::start().await;
    let one = replicas.one();
    let alice = one.caller(&replicas.token("alice")).await;
    settle().await;
    replicas.store.hang(true);
    let start = tokio::time::Instant::now();
    one.token(&alice).await.unwrap();
    // The lookup waits, and then nothing else does.
    assert!(start.elapsed() >= Duration::from_millis(25));
    assert_eq!(replicas.idp.token_requests(), 1);
}

#[tokio::test]
async fn store_is_used_again_after_return() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    settle().await;
    replicas.store.fail(true);
    for user in ["alice", "bob", "carol", "dave"] {
        let caller = one.caller(&replicas.token(user)).await;
        one.token(&caller).await.unwrap();
    }
    replicas.store.fail(false);
    let carol = one.caller(&replicas.older("carol", 3, "s")).await;
    tokio::time::pause();
    tokio::time::advance(SECOND).await;
    tokio::time::resume();
    let token = one.token(&carol).await.unwrap();
    assert_eq!(other.token(&carol).await.unwrap(), token);
}

#[tokio::test]
async fn strict_fleet_refuses_after_silence() {
    let replicas = Replicas::start().await;
    let shared = || Fleet::builder().store(replicas.store.clone(), ring(&["k1"]));
    let strict = replicas.with(shared().strict(Duration::from_secs(30)));
    let usual = replicas.with(shared());
    let token = replicas.token("alice");
    strict.fleet.start().await.unwrap();
    let alice = strict.caller(&token).await;
    usual.caller(&token).await;

    tokio::time::pause();
    // A store without traffic is no silence.
    for _ in 0..60 {
        tokio::time::advance(SECOND).await;
        settle().await;
    }
    assert_eq!(strict.refused(&token).await, None);
    replicas.store.fail(true);
    for _ in 0..40 {
        tokio::time::advance(SECOND).await;
        settle().await;
    }
    assert_eq!(
        strict.refused(&token).await,
        Some(Rejection::RevocationUnknown)
    );
    let error = strict
        .exchange
        .token(&alice, "service-b")
        .await
        .unwrap_err();
    assert!(
        error.is_retryable() && error.to_string().contains("heard"),
        "{error}"
    );
    assert_eq!(usual.refused(&token).await, None);
    replicas.store.fail(false);
    for _ in 0..3 {
        tokio::time::advance(SECOND).await;
        settle().await;
    }
    assert_eq!(strict.refused(&token).await, None);
}

#[tokio::test]
async fn strict_fleet_starts_closed() {
    let replicas = Replicas::start().await;
    replicas.store.fail(true);
    let shared = Fleet::builder().store(replicas.store.clone(), ring(&["k1"]));
    let strict = replicas.with(shared.strict(Duration::from_secs(30)));
    strict.fleet.start().await.unwrap_err();
    assert!(!strict.fleet.is_ready());
    let refused = strict.refused(&replicas.token("alice")).await;
    assert_eq!(refused, Some(Rejection::RevocationUnknown));
}

#[tokio::test]
async fn start_has_one_deadline() {
    let replicas = Replicas::start().await;
    let one = replicas.one();
    tokio::time::pause();
    replicas.store.never_end();
    replicas.store.slow(SECOND);
    let start = timeout(3 * SECOND, one.fleet.start());
    let error = start.await.expect("it ends").unwrap_err().to_string();
    assert!(error.ends_with("all logouts within 2s"), "{error}");
}

#[tokio::test]
async fn logout_without_store_fails() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let token = replicas.older("alice", 5, "s1");
    other.caller(&token).await;
    settle().await;
    replicas.store.fail(true);
    let alice = || Revoked::Subject("alice".to_owned());
    one.fleet
        .revoke(&replicas.issuer(), alice(), now())
        .await
        .unwrap_err();
    one.fleet.take_once("idp", "1", SECOND).await.unwrap_err();
    // This process knows; the other one hears it when it is sent again.
    assert!(one.refused(&token).await.is_some());
    assert!(other.refused(&token).await.is_none());
    replicas.store.fail(false);
    // The circuit breaker admits a call again.
    tokio::time::pause();
    tokio::time::advance(SECOND).await;
    one.log_out(&replicas.issuer(), "alice").await;
    assert!(other.refused(&token).await.is_some());
    tokio::time::resume();

    // It is also sent without being asked, when the log can be read again.
    let token = replicas.older("bob", 5, "s2");
    other.caller(&token).await;
    replicas.store.fail(true);
    let bob = Revoked::Subject("bob".to_owned());
    one.fleet
        .revoke(&replicas.issuer(), bob, now())
        .await
        .unwrap_err();
    replicas.store.fail(false);
    tokio::time::pause();
    for _ in 0..6 {
        tokio::time::advance(SECOND).await;
        settle().await;
    }
    assert!(other.refused(&token).await.is_some());
}
