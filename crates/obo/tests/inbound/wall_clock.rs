//! A wall clock that jumps, because the machine was suspended or the clock was set. Nothing is used
//! after its end on either clock.

use std::time::Duration;

use obo::ResourceServer;
use obo::time::{Clock, TestClock, UnixTime};
use tokio::time::advance;

use crate::guarded::builder_a;
use crate::introspecting::{INTROSPECT, OPAQUE, calls, code, trust_in_process};
use crate::issuer::{FakeIssuer, JWKS, OPENID, Reply};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DAY: Duration = seconds(24 * 3600);

/// A server with a test clock, and a token of a key that was withdrawn after it was fetched.
async fn withdrawn(idp: &FakeIssuer) -> (ResourceServer, TestClock, String) {
    let wall = TestClock::new(Clock::system().now());
    let server = builder_a(idp.known()).clock(wall.clone()).build().unwrap();
    let old = idp.token().expires_in(10 * 24 * 3600).mint();
    assert_eq!(code(&server, &old).await, "ok");
    idp.withdraw_all();
    idp.rotate("k2");
    (server, wall, old)
}

#[tokio::test(start_paused = true)]
async fn keys_are_renewed_after_suspend() {
    for (slept, expected, fetches) in [(299, "ok", 1), (300, "unknown_key", 2)] {
        let idp = FakeIssuer::new().await;
        let (server, wall, old) = withdrawn(&idp).await;
        wall.advance(seconds(slept));
        assert_eq!(code(&server, &old).await, expected, "after {slept} s");
        assert_eq!(idp.fetches(), fetches, "after {slept} s");
    }
}

#[tokio::test(start_paused = true)]
async fn outage_after_suspend_keeps_keys() {
    let idp = FakeIssuer::new().await;
    let (server, wall, old) = withdrawn(&idp).await;
    idp.reply(JWKS, Reply::Status(500));
    wall.advance(seconds(3600));
    // The request waits for one attempt. While the issuer fails, the old keys are used.
    for _ in 0..3 {
        assert_eq!(code(&server, &old).await, "ok");
    }
    assert_eq!(idp.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn outage_keeps_keys_one_day() {
    let idp = FakeIssuer::new().await;
    let (server, wall, old) = withdrawn(&idp).await;
    idp.reply(JWKS, Reply::Status(500));
    wall.advance(DAY - seconds(1));
    assert_eq!(code(&server, &old).await, "ok");
    wall.advance(seconds(1));
    assert_eq!(code(&server, &old).await, "keys_unavailable");
}

#[tokio::test(start_paused = true)]
async fn clock_set_back_prolongs_no_keys() {
    let idp = FakeIssuer::new().await;
    let (server, wall, old) = withdrawn(&idp).await;
    wall.set(UnixTime::from_secs(wall.now().as_secs() - 50));
    advance(seconds(300)).await;
    assert_eq!(code(&server, &old).await, "unknown_key");
}

#[tokio::test(start_paused = true)]
async fn clock_jump_causes_one_fetch() {
    let idp = FakeIssuer::new().await;
    let wall = TestClock::new(Clock::system().now());
    let server = builder_a(idp.known()).clock(wall.clone()).build().unwrap();
    let token = idp.token().expires_in(10 * 24 * 3600).mint();
    assert_eq!(code(&server, &token).await, "ok");
    for jumps in 1..=3 {
        wall.advance(seconds(3600));
        for _ in 0..10 {
            assert_eq!(code(&server, &token).await, "ok");
        }
        assert_eq!(idp.fetches(), 1 + jumps);
    }
}

#[tokio::test(start_paused = true)]
async fn discovery_is_renewed_after_suspend() {
    let idp = FakeIssuer::new().await;
    let wall = TestClock::new(Clock::system().now());
    let server = builder_a(idp.server()).clock(wall.clone()).build().unwrap();
    let token = idp.token().expires_in(10 * 24 * 3600).mint();
    let looks = || idp.requests().iter().filter(|path| *path == OPENID).count();
    for (slept, expected) in [(0, 1), (3599, 1), (3600, 2)] {
        wall.advance(seconds(slept));
        assert_eq!(code(&server, &token).await, "ok");
        // The renewal continues in the background.
        tokio::task::yield_now().await;
        assert_eq!(looks(), expected, "after {slept} s more");
    }
}

#[tokio::test(start_paused = true)]
async fn no_introspection_outlives_suspend() {
    let (idp, trust) = trust_in_process(|settings| settings).await;
    let wall = TestClock::new(Clock::system().now());
    let server = builder_a(trust).clock(wall.clone()).build().unwrap();
    assert_eq!(code(&server, OPAQUE).await, "ok");
    idp.reply(INTROSPECT, Reply::Body(r#"{"active":false}"#.to_owned()));
    for (slept, expected, requests) in [(59, "ok", 1), (1, "inactive", 2), (4, "inactive", 2)] {
        wall.advance(seconds(slept));
        assert_eq!(code(&server, OPAQUE).await, expected);
        assert_eq!(calls(&idp), requests);
    }
    // A cached refusal expires too.
    wall.advance(seconds(1));
    assert_eq!(code(&server, OPAQUE).await, "inactive");
    assert_eq!(calls(&idp), 3);
}

#[tokio::test(start_paused = true)]
async fn clock_set_back_prolongs_no_response() {
    let (idp, trust) = trust_in_process(|settings| settings).await;
    let wall = TestClock::new(Clock::system().now());
    let server = builder_a(trust).clock(wall.clone()).build().unwrap();
    assert_eq!(code(&server, OPAQUE).await, "ok");
    wall.set(UnixTime::from_secs(wall.now().as_secs() - 30));
    advance(seconds(60)).await;
    assert_eq!(code(&server, OPAQUE).await, "ok");
    assert_eq!(calls(&idp), 2);
}
