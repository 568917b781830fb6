//! A user who logs out: their cached tokens are evicted, and their own tokens are not exchanged any
//! more, not even by background work.

use std::time::Duration;

use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::time::{Clock, UnixTime};
use serde_json::json;

use crate::setup::{Setup, assert_answer, audience, issuer};
use crate::stub::{Stub, issued};

#[tokio::test]
async fn earlier_tokens_are_rejected() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    let (alice, bob) = (setup.caller("alice").await, setup.caller("bob").await);
    for caller in [&alice, &bob] {
        exchange.token(caller, audience("service-b")).await.unwrap();
    }
    exchange.revoke(&issuer(&setup.idp), "alice", Clock::system().now());

    let error = exchange.token(&alice, audience("service-b")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::SubjectInvalid);
    assert!(error.to_string().contains("revoked"), "{error}");
    assert_answer(&error);
    assert_eq!(setup.idp.token_requests(), 2);
    let bobs = exchange.token(&bob, audience("service-b")).await.unwrap();
    assert_eq!(bobs.source(), TokenSource::Cache);
}

#[tokio::test]
async fn later_tokens_are_accepted() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    let before = Clock::system().now().as_secs() - 10;
    exchange.revoke(&issuer(&setup.idp), "alice", UnixTime::from_secs(before));
    // An earlier time does not undo a revocation.
    exchange.revoke(&issuer(&setup.idp), "alice", UnixTime::from_secs(1));
    let alice = setup.caller("alice").await;
    exchange.token(&alice, audience("service-b")).await.unwrap();
    let old = setup.idp.user("alice").audience("service-a");
    let old = setup.validated(&old.claim("iat", before - 1).mint()).await;
    exchange
        .token(&old, audience("service-b"))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn revocation_is_per_issuer() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    let other = obo::Issuer::new("https://other.example").unwrap();
    exchange.revoke(&other, "alice", Clock::system().now());
    let alice = setup.caller("alice").await;
    exchange.token(&alice, audience("service-b")).await.unwrap();
}

#[tokio::test]
async fn running_exchange_gives_no_token() {
    let setup = Setup::start().await;
    let alice = setup.caller("alice").await;
    let stub = Stub::new(&setup, |_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        issued("opaque", json!({}))
    });
    let exchange = stub.exchange();
    tokio::time::pause();
    let asking = exchange.token(&alice, audience("service-b"));
    let logout = async {
        tokio::task::yield_now().await;
        exchange.revoke(&issuer(&setup.idp), "alice", Clock::system().now());
    };
    let (asked, ()) = tokio::join!(asking, logout);
    assert_eq!(asked.unwrap_err().kind(), ExchangeErrorKind::SubjectInvalid);
    assert_eq!(stub.requests(), 1);
}

#[tokio::test]
async fn background_work_stops_when_token_expires() {
    let setup = Setup::start().await;
    let wall = obo::time::TestClock::new(Clock::system().now());
    let exchange = setup.builder().clock(wall.clone()).build().unwrap();
    let alice = setup.caller("alice").await;
    let work = tokio::spawn(async move {
        exchange.token(&alice, audience("service-b")).await.unwrap();
        wall.set(alice.expires_at());
        exchange.token(&alice, audience("service-b")).await
    });
    let error = work.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::SubjectInvalid);
    assert!(error.to_string().contains("expired"), "{error}");
}

/// A time at which no token of a test is issued by default.
fn some_second() -> u64 {
    Clock::system().now().as_secs() - 100
}

/// A caller whose token has these claims instead of `iat`.
async fn dated(setup: &Setup, claims: &[(&str, u64)]) -> obo::Caller {
    let mut token = setup.idp.user("alice").audience("service-a");
    if claims.iter().all(|(name, _)| *name != "iat") {
        token = token.without("iat");
    }
    for (name, value) in claims {
        token = token.claim(name, *value);
    }
    setup.validated(&token.mint()).await
}

async fn is_taken(exchange: &obo::TokenExchange, caller: &obo::Caller) -> bool {
    let exchanged = exchange.token(caller, audience("service-b")).await;
    let error = exchanged.map_err(|error| error.kind()).err();
    assert!(error.is_none_or(|kind| kind == ExchangeErrorKind::SubjectInvalid));
    error.is_none()
}

#[tokio::test]
async fn login_at_logout_second_works() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    let second = some_second();
    let before = dated(&setup, &[("iat", second)]).await;
    assert!(is_taken(&exchange, &before).await);
    // With a fraction of a second, as a clock shows it.
    let logout = UnixTime::from_duration(Duration::from_millis(second * 1000 + 400));
    exchange.revoke(&issuer(&setup.idp), "alice", logout);
    assert!(!is_taken(&exchange, &before).await);
    let after = dated(&setup, &[("iat", second)]).await;
    for _ in 0..2 {
        assert!(is_taken(&exchange, &after).await);
        assert!(!is_taken(&exchange, &before).await);
    }
    // It was seen before the next logout.
    exchange.revoke(&issuer(&setup.idp), "alice", UnixTime::from_secs(second));
    assert!(!is_taken(&exchange, &after).await);
}

#[tokio::test]
async fn rejected_token_counts_as_seen() {
    let setup = Setup::start().await;
    let second = some_second();
    let caller = dated(&setup, &[("iat", second)]).await;
    let stub = Stub::new(&setup, |_| async {
        crate::stub::json(503, &json!({ "error": "temporarily_unavailable" }))
    });
    let exchange = stub.exchange();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap_err();
    exchange.revoke(&issuer(&setup.idp), "alice", UnixTime::from_secs(second));
    assert!(!is_taken(&exchange, &caller).await);
}

#[tokio::test]
async fn second_before_logout_is_rejected() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    let second = some_second();
    exchange.revoke(&issuer(&setup.idp), "alice", UnixTime::from_secs(second));
    for (issued_at, expected) in [(second - 1, false), (second, true), (second + 1, true)] {
        let unseen = dated(&setup, &[("iat", issued_at)]).await;
        assert_eq!(is_taken(&exchange, &unseen).await, expected);
    }
}

#[tokio::test]
async fn undated_token_uses_its_login_time() {
    let setup = Setup::lenient().await;
    let wall = obo::time::TestClock::new(Clock::system().now());
    let stub = Stub::new(&setup, |_| async { issued("opaque", json!({})) });
    let exchange = stub.builder().clock(wall.clone()).build().unwrap();
    let logout = some_second();
    exchange.revoke(&issuer(&setup.idp), "alice", UnixTime::from_secs(logout));
    let old = dated(&setup, &[("auth_time", logout - 1)]).await;
    let new = dated(&setup, &[("auth_time", logout + 1)]).await;
    let exp = wall.now().as_secs() + 2 * 86_400;
    let neither = dated(&setup, &[("exp", exp)]).await;
    assert!(!is_taken(&exchange, &old).await);
    assert!(is_taken(&exchange, &new).await);
    assert!(!is_taken(&exchange, &neither).await);
    wall.advance(Duration::from_secs(86_400));
    assert!(is_taken(&exchange, &neither).await);
}
