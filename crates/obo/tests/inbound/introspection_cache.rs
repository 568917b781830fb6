//! How long introspection responses are cached.

use std::time::Duration;

use obo::time::{Clock, TestClock, UnixTime};
use serde_json::json;
use tokio::time::advance;

use crate::guarded::builder_a;
use crate::introspecting::{INTROSPECT, OPAQUE, active, calls, code, in_process, trust_in_process};
use crate::issuer::Reply;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// IN-06
#[tokio::test(start_paused = true)]
async fn active_token_is_cached_one_minute() {
    let (idp, server) = in_process(|settings| settings).await;
    for (pass, expected) in [(0, 1), (59, 1), (1, 2), (59, 2)] {
        advance(seconds(pass)).await;
        assert_eq!(code(&server, OPAQUE).await, "ok");
        assert_eq!(calls(&idp), expected);
    }
    // Another token is introspected on its own.
    assert_eq!(code(&server, "opaque-tokeN").await, "ok");
    assert_eq!(calls(&idp), 3);
}

/// IN-06
#[tokio::test(start_paused = true)]
async fn revocation_applies_after_max_age() {
    let (idp, server) = in_process(|settings| settings.max_age(seconds(10))).await;
    assert_eq!(code(&server, OPAQUE).await, "ok");
    idp.reply(INTROSPECT, Reply::Body(r#"{"active":false}"#.to_owned()));
    advance(seconds(9)).await;
    assert_eq!(code(&server, OPAQUE).await, "ok");
    advance(seconds(1)).await;
    assert_eq!(code(&server, OPAQUE).await, "inactive");
    assert_eq!(calls(&idp), 2);
}

/// IN-06
#[tokio::test(start_paused = true)]
async fn zero_max_age_caches_nothing() {
    let (idp, server) = in_process(|settings| settings.max_age(Duration::ZERO)).await;
    for expected in 1..=3 {
        assert_eq!(code(&server, OPAQUE).await, "ok");
        assert_eq!(calls(&idp), expected);
    }
}

/// IN-06
#[tokio::test(start_paused = true)]
async fn response_never_outlives_token() {
    let (idp, trust) = trust_in_process(|settings| settings).await;
    let now = Clock::system().now();
    let mut response = active(&idp);
    response["exp"] = json!(now.as_secs() + 20);
    idp.reply(INTROSPECT, Reply::Body(response.to_string()));
    let clock = TestClock::new(UnixTime::from_secs(now.as_secs()));
    let server = builder_a(trust).clock(clock).build().unwrap();
    for (pass, expected) in [(0, 1), (19, 1), (1, 2)] {
        advance(seconds(pass)).await;
        assert_eq!(code(&server, OPAQUE).await, "ok");
        assert_eq!(calls(&idp), expected);
    }
}

/// IN-06
#[tokio::test(start_paused = true)]
async fn configurations_share_no_cache() {
    let (idp, trust) = trust_in_process(|settings| settings).await;
    let builder = builder_a(trust);
    let server = builder.clone().build().unwrap();
    assert_eq!(code(&server, OPAQUE).await, "ok");
    let later = Clock::system().now().saturating_add(seconds(3600));
    let later = builder.clone().clock(TestClock::new(later));
    let later = later.build().unwrap();
    assert_eq!(code(&later, OPAQUE).await, "expired");
    assert_eq!(code(&server, OPAQUE).await, "ok");
    assert_eq!(calls(&idp), 2);
    let forgetful = builder.token_cache_bytes(0).build().unwrap();
    for _ in 0..2 {
        assert_eq!(code(&forgetful, OPAQUE).await, "ok");
    }
    assert_eq!(calls(&idp), 4);
}

/// IN-07
#[tokio::test(start_paused = true)]
async fn inactive_response_is_cached_briefly() {
    let (idp, server) = in_process(|settings| settings).await;
    idp.reply(INTROSPECT, Reply::Body(r#"{"active":false}"#.to_owned()));
    assert_eq!(code(&server, OPAQUE).await, "inactive");
    idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
    advance(seconds(4)).await;
    assert_eq!(code(&server, OPAQUE).await, "inactive");
    assert_eq!(calls(&idp), 1);
    advance(seconds(1)).await;
    assert_eq!(code(&server, OPAQUE).await, "ok");
}

/// IN-06
#[tokio::test(start_paused = true)]
async fn failed_introspection_is_not_cached() {
    let (idp, server) = in_process(|settings| settings).await;
    for reply in [
        Reply::Body(r#"{"active":"true"}"#.to_owned()),
        Reply::Status(401),
        Reply::Status(500),
    ] {
        idp.reply(INTROSPECT, reply);
        assert_eq!(code(&server, OPAQUE).await, "introspection_unavailable");
    }
    idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
    assert_eq!(code(&server, OPAQUE).await, "ok");
    assert_eq!(calls(&idp), 4);
}

#[tokio::test(start_paused = true)]
async fn user_tokens_can_be_evicted() {
    let (idp, server) = in_process(|settings| settings).await;
    for forgotten in ["bob", "alice"] {
        for token in [OPAQUE, "another"] {
            assert_eq!(code(&server, token).await, "ok");
        }
        server.forget(&idp.id(), forgotten);
    }
    assert_eq!(calls(&idp), 2);
    assert_eq!(code(&server, OPAQUE).await, "ok");
    assert_eq!(calls(&idp), 3);
}

#[tokio::test(start_paused = true)]
async fn cache_is_bounded_by_response_size() {
    const TOKENS: usize = 400;
    let (idp, server) = in_process(|settings| settings).await;
    let mut response = active(&idp);
    response["filler"] = json!("x".repeat(250 * 1024));
    idp.reply(INTROSPECT, Reply::Body(response.to_string()));
    for round in 1..=2 {
        for token in 0..TOKENS {
            assert_eq!(code(&server, &format!("opaque-{token}")).await, "ok");
        }
        // All of them would take 100 MB, so those beyond 64 MiB are introspected again.
        let (requests, known) = (calls(&idp), 64 * 1024 / 250);
        assert!(
            requests >= TOKENS + (round - 1) * (TOKENS - known),
            "{requests}"
        );
    }
}
