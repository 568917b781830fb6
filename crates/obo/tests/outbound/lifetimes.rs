//! How long a token is used, on a paused clock: the least of all limits, minus a margin, and never
//! past the caller's end.

use std::future::ready;
use std::time::Duration;

use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::time::{Clock, TestClock};
use obo::{Caller, TokenExchange};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::setup::{Setup, audience};
use crate::stub::{Stub, issued};

/// A caller for an hour, an exchange, and both clocks paused.
struct Clocks {
    caller: Caller,
    wall: TestClock,
    stub: Stub,
    exchange: TokenExchange,
}

impl Clocks {
    async fn start(caller_lives: i64, token: impl FnOnce(&Setup) -> String, more: Value) -> Self {
        let setup = Setup::start().await;
        let wall = TestClock::new(Clock::system().now());
        let subject = setup.idp.user("alice").audience("service-a");
        let subject = subject.expires_in(caller_lives).mint();
        let caller = setup.validated(&subject).await;
        let token = token(&setup);
        let stub = Stub::new(&setup, move |_| ready(issued(&token, more.clone())));
        // Only now: real sockets do not work with a paused clock.
        tokio::time::pause();
        let exchange = stub.builder().clock(wall.clone()).build().unwrap();
        Self {
            caller,
            wall,
            stub,
            exchange,
        }
    }

    async fn opaque(more: Value) -> Self {
        Self::start(36_000, |_| "opaque".to_owned(), more).await
    }

    async fn pass(&self, seconds: u64) {
        let seconds = Duration::from_secs(seconds);
        self.wall.advance(seconds);
        tokio::time::advance(seconds).await;
    }

    async fn source(&self) -> TokenSource {
        self.source_from(&self.exchange).await
    }

    async fn source_from(&self, exchange: &TokenExchange) -> TokenSource {
        let exchanged = exchange.token(&self.caller, audience("service-b"));
        exchanged.await.unwrap().source()
    }

    /// Asserts that a token is used up to `kept` seconds and no longer than `gone`, which leaves
    /// room for the jitter.
    ///
    /// A request at `kept` may start a renewal, so another caller requests at `gone`.
    async fn assert_used(&self, kept: u64, gone: u64) {
        let other = self
            .stub
            .builder()
            .clock(self.wall.clone())
            .build()
            .unwrap();
        assert_eq!(self.source().await, TokenSource::Exchange);
        assert_eq!(self.source_from(&other).await, TokenSource::Exchange);
        self.pass(kept).await;
        assert_eq!(self.source().await, TokenSource::Cache, "after {kept} s");
        self.pass(gone - kept).await;
        let source = self.source_from(&other).await;
        assert_eq!(source, TokenSource::Exchange, "after {gone} s");
    }
}

/// TX-42
#[tokio::test]
async fn fifth_of_lifetime_is_unused() {
    let short = Clocks::opaque(json!({ "expires_in": 100 })).await;
    short.assert_used(77, 80).await;
}

/// TX-42
#[tokio::test]
async fn long_lifetime_leaves_a_minute() {
    let long = Clocks::opaque(json!({ "expires_in": 1000 })).await;
    long.assert_used(933, 940).await;
}

/// TX-16
#[tokio::test]
async fn missing_lifetime_is_a_minute() {
    let clocks = Clocks::opaque(json!({ "expires_in": null })).await;
    clocks.assert_used(46, 48).await;
}

/// TE-07
#[tokio::test]
async fn non_number_counts_as_missing() {
    for odd in [json!("3600"), json!([]), json!({}), json!(true), json!("x")] {
        let clocks = Clocks::opaque(json!({ "expires_in": odd })).await;
        clocks.assert_used(46, 48).await;
    }
}

/// TX-16
#[tokio::test]
async fn zero_lifetime_is_used_once() {
    for none in [json!(0), json!(-1), json!(-1e300), json!(0.0)] {
        let clocks = Clocks::opaque(json!({ "expires_in": none })).await;
        for asked in 1..=3 {
            assert_eq!(clocks.source().await, TokenSource::Exchange);
            assert_eq!(clocks.stub.requests(), asked);
        }
    }
}

/// TE-07
#[tokio::test]
async fn huge_lifetime_is_one_hour() {
    for huge in [
        json!(1e20),
        json!(u64::MAX),
        json!(f64::MAX),
        json!(86_400.5),
    ] {
        let clocks = Clocks::opaque(json!({ "expires_in": huge })).await;
        clocks.assert_used(3530, 3540).await;
    }
}

/// TX-42
#[tokio::test]
async fn caller_expiry_caps_the_lifetime() {
    let clocks = Clocks::start(200, |_| "opaque".to_owned(), json!({})).await;
    clocks.assert_used(150, 161).await;
}

/// TX-42
#[tokio::test]
async fn expired_caller_is_rejected() {
    let clocks = Clocks::start(300, |_| "opaque".to_owned(), json!({})).await;
    clocks.source().await;
    // The wall clock alone.
    clocks.wall.advance(Duration::from_secs(301));
    let refused = clocks.exchange.token(&clocks.caller, audience("service-b"));
    let error = refused.await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::SubjectInvalid);
    assert_eq!(clocks.stub.requests(), 1);
}

impl Drop for Clocks {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}

fn jwt_for(seconds: i64) -> impl FnOnce(&Setup) -> String {
    move |setup| {
        let token = setup.idp.user("alice").audience("service-b");
        token.expires_in(seconds).mint()
    }
}

/// AT-14
#[tokio::test]
async fn token_expiry_shortens_the_lifetime() {
    let stated = json!({ "expires_in": 3000 });
    let clocks = Clocks::start(36_000, jwt_for(100), stated).await;
    clocks.assert_used(75, 81).await;
}

/// AT-14
#[tokio::test]
async fn token_expiry_lengthens_nothing() {
    let clocks = Clocks::start(36_000, jwt_for(3000), json!({ "expires_in": 100 })).await;
    clocks.assert_used(77, 80).await;
}

/// AT-14
#[tokio::test]
async fn token_expiry_is_not_a_lifetime() {
    let clocks = Clocks::start(36_000, jwt_for(3000), json!({ "expires_in": null })).await;
    clocks.assert_used(46, 48).await;
}

/// TX-43
#[tokio::test]
async fn issued_token_ends_with_callers() {
    let setup = Setup::start().await;
    setup.idp.set_token_lifetime(36_000);
    let token = setup.idp.user("alice").audience("service-a").expires_in(90);
    let caller = setup.validated(&token.mint()).await;
    let exchanged = setup.exchange().token(&caller, audience("service-b")).await;
    let issued = crate::setup::claims(exchanged.unwrap().token().authorization());
    assert!(issued["exp"].as_u64().unwrap() <= caller.expires_at().as_secs());
}

/// TX-42
#[tokio::test]
async fn lifetime_counts_from_the_request() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let stub = Stub::new(&setup, |_| async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        issued("opaque", json!({ "expires_in": 10 }))
    });
    let exchange = stub.exchange();
    tokio::time::pause();
    let target = || audience("service-b");
    exchange.token(&caller, target()).await.unwrap();
    // 10 s minus a margin of 2 s, of which the exchange itself took 4 s.
    tokio::time::advance(Duration::from_millis(4100)).await;
    let exchanged = exchange.token(&caller, target()).await.unwrap();
    assert_eq!(exchanged.source(), TokenSource::Exchange);
}

/// Lifetimes that a server may state; `None` if it states none, or not a number.
fn stated() -> impl Strategy<Value = (Value, Option<f64>)> {
    prop_oneof![
        Just((Value::Null, None)),
        Just((json!("300"), None)),
        Just((json!([300]), None)),
        (-2..900_i64).prop_map(|seconds| (json!(seconds), Some(seconds as f64))),
        (0.0..900_f64).prop_map(|seconds| (json!(seconds), Some(seconds))),
        proptest::sample::select(vec![i64::MIN, 3599, 86_401, i64::MAX])
            .prop_map(|seconds| (json!(seconds), Some(seconds as f64))),
    ]
}

proptest! {
    // Each starts an authorization server.
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// TX-42, TX-16
    #[test]
    fn no_token_outlives_its_bounds(
        (expires_in, stated) in stated(),
        own in proptest::option::of(2..4000_i64),
        caller_lives in 30..4000_i64,
        steps in proptest::collection::vec(1..400_u64, 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let more = json!({ "expires_in": expires_in });
            let clocks = match own {
                Some(own) => Clocks::start(caller_lives, jwt_for(own), more).await,
                None => Clocks::start(caller_lives, |_| "opaque".to_owned(), more).await,
            };
            let start = clocks.wall.now();
            let own_end = |passed: f64| own.map_or(f64::MAX, |own| own as f64 - passed);
            let (mut passed, mut asked_at, mut asked) = (0.0, 0.0, 0);
            for step in steps {
                let outcome = clocks.exchange.token(&clocks.caller, audience("service-b")).await;
                // A renewal in the background runs in its own task.
                tokio::task::yield_now().await;
                match &outcome {
                    Ok(exchanged) if exchanged.source() == TokenSource::Cache => {
                        let longest = stated.unwrap_or(60.0).min(3600.0);
                        prop_assert!(passed - asked_at < longest, "{passed} {asked_at} {longest}");
                    }
                    Ok(_) => {}
                    Err(error) => prop_assert!(
                        passed >= caller_lives as f64 - 2.0 || own_end(passed) <= 2.0,
                        "{error}"
                    ),
                }
                if outcome.is_ok() {
                    prop_assert!(passed < caller_lives as f64 + 2.0, "past the caller's own");
                    prop_assert!(own_end(passed) > -2.0, "past its own end");
                }
                if clocks.stub.requests() > asked {
                    (asked, asked_at) = (clocks.stub.requests(), passed);
                }
                clocks.pass(step).await;
                passed = clocks.wall.now().saturating_since(start).as_secs_f64();
            }
            Ok(())
        })?;
    }
}
