//! A user who logs out: what is at hand for them goes, and their tokens get no more, whoever still works with them.

use std::time::Duration;

use obo::{Clock, ExchangeErrorKind, TokenSource, UnixTime};
use serde_json::json;

use crate::setup::{Setup, assert_answer, audience, issuer};
use crate::stub::{Stub, issued};

#[tokio::test]
async fn tokens_issued_until_then_are_refused_whatever_is_at_hand() {
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
async fn tokens_issued_after_it_are_taken() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    let before = Clock::system().now().as_secs() - 10;
    exchange.revoke(&issuer(&setup.idp), "alice", UnixTime::from_secs(before));
    // An earlier time takes nothing back.
    exchange.revoke(&issuer(&setup.idp), "alice", UnixTime::from_secs(1));
    let alice = setup.caller("alice").await;
    exchange.token(&alice, audience("service-b")).await.unwrap();
    let old = setup.idp.user("alice").audience("service-a");
    let old = setup.validated(&old.claim("iat", before).mint()).await;
    exchange
        .token(&old, audience("service-b"))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn another_issuers_user_of_the_same_name_is_another_user() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    let other = obo::Issuer::new("https://other.example").unwrap();
    exchange.revoke(&other, "alice", Clock::system().now());
    let alice = setup.caller("alice").await;
    exchange.token(&alice, audience("service-b")).await.unwrap();
}

#[tokio::test]
async fn an_exchange_that_was_under_way_gives_no_token_any_more() {
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
async fn work_beside_the_request_goes_on_until_the_callers_token_ends_and_then_says_so() {
    let setup = Setup::start().await;
    let wall = obo::TestClock::new(Clock::system().now());
    let exchange = setup.exchange().clock(wall.clone());
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
