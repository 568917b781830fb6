//! A token that is in use is renewed in the background before its end.

use std::time::Duration;

use obo::exchange::TokenSource;
use obo::time::{Clock, TestClock};
use obo::{Caller, TokenExchange};
use serde_json::json;

use crate::setup::{Setup, audience};
use crate::stub::{Reply, Stub, issued};

struct InUse {
    caller: Caller,
    wall: TestClock,
    stub: Stub,
    exchange: TokenExchange,
}

impl InUse {
    /// Tokens named by the number of their request and valid for 100 s, or what `reply` makes of
    /// it.
    async fn start(caller_lives: i64, reply: fn(usize) -> Reply) -> Self {
        let setup = Setup::start().await;
        let wall = TestClock::new(Clock::system().now());
        let subject = setup.idp.user("alice").audience("service-a");
        let caller = setup
            .validated(&subject.expires_in(caller_lives).mint())
            .await;
        let stub = Stub::new(&setup, move |number| async move { reply(number) });
        tokio::time::pause();
        let exchange = stub.builder().clock(wall.clone()).build().unwrap();
        Self {
            caller,
            wall,
            stub,
            exchange,
        }
    }

    async fn pass(&self, seconds: u64) {
        let seconds = Duration::from_secs(seconds);
        self.wall.advance(seconds);
        tokio::time::advance(seconds).await;
    }

    /// Returns the token, which must be cached; then waits for all background work.
    async fn at_hand(&self) -> String {
        let exchanged = self.exchange.token(&self.caller, audience("service-b"));
        let exchanged = exchanged.await.unwrap();
        assert_eq!(exchanged.source(), TokenSource::Cache);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let token = exchanged.token().authorization();
        token.to_str().unwrap().to_owned()
    }

    async fn fetch(&self) {
        let exchanged = self.exchange.token(&self.caller, audience("service-b"));
        assert_eq!(exchanged.await.unwrap().source(), TokenSource::Exchange);
    }
}

fn numbered(number: usize) -> Reply {
    issued(&format!("token-{number}"), json!({ "expires_in": 100 }))
}

#[tokio::test]
async fn token_in_use_is_renewed() {
    let used = InUse::start(36_000, numbered).await;
    used.fetch().await;
    used.pass(50).await;
    assert_eq!(used.at_hand().await, "Bearer token-0");
    assert_eq!(used.stub.requests(), 1);
    used.pass(11).await;
    assert_eq!(used.at_hand().await, "Bearer token-0");
    assert_eq!(used.stub.requests(), 2);
    for _ in 0..100 {
        used.pass(5).await;
        used.at_hand().await;
    }
    // About one in three quarters of 80 s.
    let requests = used.stub.requests();
    assert!((8..=12).contains(&requests), "{requests}");
}

#[tokio::test]
async fn unused_token_is_not_renewed() {
    let used = InUse::start(36_000, numbered).await;
    used.fetch().await;
    used.pass(1000).await;
    assert_eq!(used.stub.requests(), 1);
}

/// TX-42
#[tokio::test]
async fn renewal_stops_with_callers_token() {
    let used = InUse::start(100, numbered).await;
    used.fetch().await;
    used.pass(75).await;
    used.at_hand().await;
    assert_eq!(used.stub.requests(), 1);
}

#[tokio::test]
async fn failed_renewal_keeps_the_token() {
    let used = InUse::start(36_000, |number| match number {
        1..=3 => crate::stub::json(400, &json!({ "error": "invalid_client" })),
        _ => numbered(number),
    })
    .await;
    used.fetch().await;
    used.pass(61).await;
    for _ in 0..10 {
        assert_eq!(used.at_hand().await, "Bearer token-0");
    }
    assert_eq!(used.stub.requests(), 2);
    used.pass(11).await;
    assert_eq!(used.at_hand().await, "Bearer token-0");
    assert_eq!(used.stub.requests(), 3);
}

#[tokio::test]
async fn rejected_renewal_evicts_the_token() {
    let used = InUse::start(36_000, |number| match number {
        0 => numbered(number),
        _ => crate::stub::json(400, &json!({ "error": "invalid_grant" })),
    })
    .await;
    used.fetch().await;
    used.pass(61).await;
    assert_eq!(used.at_hand().await, "Bearer token-0");
    let refused = used.exchange.token(&used.caller, audience("service-b"));
    refused.await.unwrap_err();
    assert_eq!(used.stub.requests(), 2);
}

#[tokio::test]
async fn fresh_token_is_shared() {
    let used = InUse::start(36_000, numbered).await;
    used.fetch().await;
    let wanted = obo::token::ExchangeRequest::new(
        &used.caller,
        obo::destination::Target::from(audience("service-b")),
    );
    let mut exchange = used.exchange.clone();
    let fresh = tower::Service::call(&mut exchange, wanted.fresh())
        .await
        .unwrap();
    assert_eq!(fresh.token().authorization(), "Bearer token-1");
    assert_eq!(used.at_hand().await, "Bearer token-1");
}
