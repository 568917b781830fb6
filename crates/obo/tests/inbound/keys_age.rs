//! The maximum age of a key set: by configuration and by the server's headers.

use std::time::Duration;

use obo::Trust;
use obo::authorization_server::KeyRefresh;
use serde_json::{Value, json};
use tokio::time::advance;

use crate::guarded::{Guarded, builder_a};
use crate::issuer::{FakeIssuer, JWKS, Reply};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server whose only key was withdrawn after it was fetched, and a token of that key, `age` later
/// without traffic in between.
async fn withdrawn(idp: &FakeIssuer, server: impl Into<Trust>, age: Duration) -> (Guarded, String) {
    let guarded = Guarded::by(server);
    let old = idp.token().mint();
    assert_eq!(guarded.status(&old).await, 200);
    idp.withdraw_all();
    idp.rotate("k2");
    advance(age).await;
    (guarded, old)
}

/// JW-24
#[tokio::test(start_paused = true)]
async fn server_max_age_is_bounded() {
    for (header, age) in [
        ("max-age=0", 60),
        ("no-store", 60),
        ("max-age=59", 60),
        ("public, max-age=120", 120),
        ("max-age=315360000", 300),
        ("public", 300),
    ] {
        let idp = FakeIssuer::new().await;
        idp.reply(JWKS, Reply::Fresh(header));
        let (guarded, old) = withdrawn(&idp, idp.known(), seconds(age - 1)).await;
        assert_eq!(guarded.status(&old).await, 200, "{header}");

        let idp = FakeIssuer::new().await;
        idp.reply(JWKS, Reply::Fresh(header));
        let (guarded, old) = withdrawn(&idp, idp.known(), seconds(age)).await;
        guarded.refuses(&old, header).await;
    }
}

/// JW-24
#[tokio::test(start_paused = true)]
async fn no_store_causes_no_fetch_storm() {
    let idp = FakeIssuer::new().await;
    idp.reply(JWKS, Reply::Fresh("no-store, max-age=0"));
    let guarded = Guarded::by(idp.known());
    let token = idp.token().mint();
    for _ in 0..600 {
        assert_eq!(guarded.status(&token).await, 200);
        tokio::task::yield_now().await;
        advance(Duration::from_millis(100)).await;
    }
    assert_eq!(idp.fetches(), 2, "within a minute");
}

/// JW-22
#[tokio::test(start_paused = true)]
async fn configured_max_age_wins() {
    let refresh = KeyRefresh::new().max_age(seconds(600));
    for (age, status) in [(599, 200), (600, 401)] {
        let idp = FakeIssuer::new().await;
        idp.reply(JWKS, Reply::Fresh("max-age=3600"));
        let server = Trust::new(idp.known()).key_refresh(refresh);
        let (guarded, old) = withdrawn(&idp, server, seconds(age)).await;
        assert_eq!(guarded.status(&old).await, status, "after {age} seconds");
    }
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn cooldown_limits_unknown_key_fetches() {
    let idp = FakeIssuer::new().await;
    let refresh = KeyRefresh::new().cooldown(seconds(6));
    let guarded = Guarded::by(Trust::new(idp.known()).key_refresh(refresh));
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
    for forged in ["forged-1", "forged-2", "forged-3"] {
        let forged = idp.token().kid(Some(forged)).mint();
        guarded.refuses(&forged, "forged").await;
    }
    idp.rotate("k2");
    let new = idp.token().mint();
    advance(seconds(2) - Duration::from_millis(1)).await;
    guarded.refuses(&new, "within the cooldown").await;
    advance(Duration::from_millis(1)).await;
    assert_eq!(guarded.status(&new).await, 200);
}

/// JW-23
#[tokio::test(start_paused = true)]
async fn stale_if_error_limits_old_keys() {
    let idp = FakeIssuer::new().await;
    let refresh = KeyRefresh::new().stale_if_error(seconds(600));
    let guarded = Guarded::by(Trust::new(idp.known()).key_refresh(refresh));
    let token = idp.token().mint();
    assert_eq!(guarded.status(&token).await, 200);
    idp.reply(JWKS, Reply::Reset);
    advance(seconds(599)).await;
    assert_eq!(guarded.status(&token).await, 200);
    advance(seconds(1)).await;
    assert_eq!(guarded.status(&token).await, 503);
}

#[tokio::test]
async fn duration_out_of_bounds_is_named() {
    let idp = FakeIssuer::new().await;
    let field = |refresh: KeyRefresh| {
        let checked = builder_a(Trust::new(idp.known()).key_refresh(refresh)).build();
        let error = checked.err()?;
        Some(error.field().strip_prefix("trust[0].").unwrap().to_owned())
    };
    let new = KeyRefresh::new;
    let day = 24 * 3600;
    for (refresh, at_fault) in [
        (new(), None),
        (new().max_age(seconds(60)), None),
        (new().max_age(seconds(59)), Some("max_age")),
        (new().max_age(seconds(day)), None),
        (
            new().max_age(seconds(day) + Duration::from_nanos(1)),
            Some("max_age"),
        ),
        (new().max_age(Duration::MAX), Some("max_age")),
        (new().cooldown(seconds(1)), None),
        (new().cooldown(Duration::ZERO), Some("cooldown")),
        (new().cooldown(seconds(151)), Some("cooldown")),
        (new().cooldown(seconds(151)).max_age(seconds(302)), None),
        (new().max_age(seconds(302)).cooldown(seconds(151)), None),
        (new().stale_if_error(seconds(300)), None),
        (new().stale_if_error(seconds(299)), Some("stale_if_error")),
        (new().stale_if_error(seconds(7 * day)), None),
        (
            new().stale_if_error(seconds(7 * day + 1)),
            Some("stale_if_error"),
        ),
    ] {
        assert_eq!(field(refresh).as_deref(), at_fault, "{refresh:?}");
    }
}

/// The published keys and this many more entries, each with its own name.
fn with_more(idp: &FakeIssuer, more: usize) -> Reply {
    let mut set: Value = serde_json::from_str(&idp.key_set()).unwrap();
    let keys = set["keys"].as_array_mut().unwrap();
    let key = keys[0].clone();
    keys.extend((0..more).map(|i| {
        let mut key = key.clone();
        key["kid"] = json!(format!("another-{i}"));
        key
    }));
    Reply::Body(set.to_string())
}

/// JW-24
#[tokio::test(start_paused = true)]
async fn oversized_set_keeps_the_old_one() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    idp.reply(JWKS, with_more(&idp, 999));
    let old = idp.token().mint();
    assert_eq!(guarded.status(&old).await, 200);
    idp.rotate("k2");
    let new = idp.token().mint();
    idp.reply(JWKS, with_more(&idp, 999));
    assert_eq!(guarded.status(&new).await, 503, "1,001 keys");
    assert_eq!(guarded.status(&old).await, 200);
    advance(seconds(30)).await;
    idp.reply(JWKS, with_more(&idp, 998));
    assert_eq!(guarded.status(&new).await, 200, "1,000 keys");
}
