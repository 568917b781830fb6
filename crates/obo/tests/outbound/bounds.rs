//! The cache is bounded: in bytes, per subject and in time.

use std::time::Duration;

use obo::exchange::CacheBounds;
use obo::exchange::TokenExchangeBuilder;
use obo::exchange::TokenSource;
use obo::{Caller, TokenExchange};
use serde_json::json;

use crate::setup::{Setup, audience};
use crate::stub::{Stub, issued};

async fn source(exchange: &TokenExchange, caller: &Caller, service: usize) -> TokenSource {
    let target = audience(&format!("service-{service}"));
    exchange.token(caller, target).await.unwrap().source()
}

async fn stub(setup: &Setup) -> Stub {
    Stub::new(setup, |number| async move {
        issued(&format!("{number:a>1000}"), json!({ "expires_in": 3600 }))
    })
}

#[tokio::test]
async fn earliest_expiry_is_evicted_first() {
    let setup = Setup::start().await;
    let stub = stub(&setup).await;
    let bounds = CacheBounds::new().entries_per_subject(10);
    let exchange = stub.builder().cache(bounds).build().unwrap();
    let (alice, bob) = (setup.caller("alice").await, setup.caller("bob").await);
    source(&exchange, &bob, 0).await;
    for service in 0..100 {
        source(&exchange, &alice, service).await;
    }
    let asked = stub.requests();
    for service in 0..100 {
        source(&exchange, &alice, service).await;
    }
    // Each was requested once more; no more than ten can have been cached.
    assert!(stub.requests() - asked >= 90, "{}", stub.requests() - asked);
    assert_eq!(source(&exchange, &bob, 0).await, TokenSource::Cache);
}

#[tokio::test]
async fn cache_is_bounded_in_total_bytes() {
    let setup = Setup::start().await;
    let stub = stub(&setup).await;
    // Room for some 50 tokens of 1,000 bytes, however they are spread over users.
    let bounds = CacheBounds::new().bytes(64 * 1024);
    for services_each in [1, 20] {
        let exchange = stub.builder().cache(bounds).build().unwrap();
        let mut callers = Vec::new();
        for user in 0..200 / services_each {
            callers.push(setup.caller(&format!("user-{user}")).await);
        }
        let before = stub.requests();
        for round in 0..2 {
            for service in 0..services_each {
                for caller in &callers {
                    source(&exchange, caller, service).await;
                }
            }
            let asked = stub.requests() - before;
            // If all were cached, the second round would send no request.
            assert!(asked >= 200 + round * 130, "{services_each}: {asked}");
        }
    }
}

#[tokio::test]
async fn zero_lifetime_caches_nothing() {
    let setup = Setup::start().await;
    let stub = stub(&setup).await;
    let bounds = CacheBounds::new().lifetime(Duration::ZERO);
    let exchange = stub.builder().cache(bounds).build().unwrap();
    let alice = setup.caller("alice").await;
    for _ in 0..3 {
        assert_eq!(source(&exchange, &alice, 0).await, TokenSource::Exchange);
    }
}

#[tokio::test]
async fn invalid_bounds_are_rejected() {
    let setup = Setup::start().await;
    let exchange = || setup.builder();
    let field = |builder: TokenExchangeBuilder| builder.build().unwrap_err().field().to_owned();
    let bounds = CacheBounds::new;
    let day = Duration::from_secs(86_401);
    assert_eq!(
        field(exchange().cache(bounds().entries_per_subject(0))),
        "cache.entries_per_subject"
    );
    assert_eq!(
        field(exchange().cache(bounds().lifetime(day))),
        "cache.lifetime"
    );
    assert_eq!(field(exchange().deadline(Duration::ZERO)), "deadline");
    assert_eq!(
        field(exchange().deadline(Duration::from_secs(61))),
        "deadline"
    );
    assert_eq!(field(exchange().concurrency(0)), "concurrency");
}
