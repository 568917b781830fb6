//! The first fetch of a key set: lazy, shared, and 503 while it fails.

use std::time::Duration;

use futures_util::future::join_all;
use http::header::RETRY_AFTER;
use obo_testkit::{Endpoint, Fault, TestIdp};
use tokio::time::{Instant, advance};

use crate::guarded::{Guarded, assert_unavailable};
use crate::issuer::{FakeIssuer, JWKS, OPENID, Reply};

#[tokio::test]
async fn nothing_is_fetched_before_a_token() {
    let idp = TestIdp::start().await;
    let guarded = Guarded::over_socket(&idp);
    assert_eq!(guarded.with("Basic YTpi").await.status(), 401);
    assert!(idp.requests().is_empty());
    let token = idp.user("alice").audience("service-a").mint();
    assert_eq!(guarded.status(&token).await, 200);
    assert_eq!(guarded.status(&token).await, 200);
    assert_eq!((idp.discovery_requests(), idp.jwks_requests()), (1, 1));
}

#[tokio::test]
async fn first_requests_share_one_fetch() {
    let idp = TestIdp::start().await;
    idp.fault(Endpoint::Jwks, Fault::Hang);
    let guarded = Guarded::over_socket(&idp);
    let tokens: Vec<_> = (0..50)
        .map(|_| idp.user("alice").audience("service-a").mint())
        .collect();
    let all = join_all(tokens.iter().map(|token| guarded.status(token)));
    let healed = async {
        idp.wait_for_requests(Endpoint::Jwks, 1).await;
        idp.heal();
    };
    let (statuses, ()) = tokio::join!(all, healed);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!((idp.discovery_requests(), idp.jwks_requests()), (1, 1));
}

/// BT-18
#[tokio::test]
async fn missing_keys_are_503_until_fetched() {
    let idp = TestIdp::start().await;
    let guarded = Guarded::over_socket(&idp);
    let token = idp.user("alice").audience("service-a").mint();
    idp.stop();
    let response = guarded.with(format!("Bearer {token}")).await;
    assert_unavailable(&response, "1");
    idp.resume().await;
    tokio::time::pause();
    advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    assert_eq!(guarded.status(&token).await, 200);
}

/// BT-18
#[tokio::test(start_paused = true)]
async fn each_failure_is_503_and_retried() {
    let idp = FakeIssuer::new().await;
    for reply in [
        Reply::Status(500),
        Reply::Status(401),
        Reply::Status(304),
        Reply::Header(302, http::header::LOCATION, "https://evil.example/jwks"),
        Reply::Reset,
        Reply::Hang,
        Reply::Half,
        Reply::Endless,
        Reply::Body("<html>".to_owned()),
        Reply::Body("[]".to_owned()),
        Reply::Body("null".to_owned()),
        Reply::Body(String::new()),
        Reply::Body(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.to_owned()),
        Reply::Body(format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(1 << 20))),
    ] {
        let guarded = Guarded::by(idp.known());
        idp.reply(JWKS, reply);
        let token = idp.token().mint();
        let response = guarded.with(format!("Bearer {token}")).await;
        assert_unavailable(&response, "1");
        idp.heal();
        advance(Duration::from_millis(500)).await;
        assert_eq!(guarded.status(&token).await, 200);
    }
    assert!(
        idp.requests().iter().all(|path| path == JWKS),
        "no redirect is followed"
    );
}

/// BT-18
#[tokio::test(start_paused = true)]
async fn hanging_server_times_out() {
    let idp = FakeIssuer::new().await;
    for (path, server) in [(JWKS, idp.known()), (OPENID, idp.server())] {
        idp.reply(path, Reply::Hang);
        let started = Instant::now();
        let response = Guarded::by(server)
            .with(format!("Bearer {}", idp.token().mint()))
            .await;
        assert_unavailable(&response, "1");
        assert_eq!(started.elapsed().as_secs(), 5, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_server_is_not_flooded() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    idp.reply(JWKS, Reply::Status(503));
    let token = idp.token().mint();
    for _ in 0..100 {
        assert_eq!(guarded.status(&token).await, 503);
        advance(Duration::from_millis(10)).await;
    }
    assert!(idp.fetches() <= 3, "{} in one second", idp.fetches());
}

#[tokio::test(start_paused = true)]
async fn request_waits_for_the_next_attempt() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    let token = idp.token().mint();
    idp.reply(JWKS, Reply::Status(503));
    assert_eq!(guarded.status(&token).await, 503);
    advance(Duration::from_millis(500)).await;
    idp.reply(JWKS, Reply::Hang);
    let healed = async {
        idp.arrived(2).await;
        let late = guarded.status(&token);
        let heal = async { idp.heal() };
        tokio::join!(late, heal).0
    };
    assert_eq!(tokio::join!(guarded.status(&token), healed), (200, 200));
    assert_eq!(idp.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn requested_pause_is_kept() {
    for (retry_after, pause) in [("7", 7), ("86400", 300), ("0", 1), ("soon", 1)] {
        let idp = FakeIssuer::new().await;
        let guarded = Guarded::by(idp.server());
        let token = idp.token().mint();
        for path in [OPENID, JWKS] {
            idp.heal();
            idp.reply(path, Reply::Header(429, RETRY_AFTER, retry_after));
            let response = guarded.with(format!("Bearer {token}")).await;
            assert_unavailable(&response, &pause.to_string());
            idp.heal();
            let so_far = idp.requests().len();
            if pause > 1 {
                advance(Duration::from_secs(pause - 1)).await;
                assert_eq!(guarded.status(&token).await, 503, "{retry_after}");
                assert_eq!(idp.requests().len(), so_far, "{retry_after}");
            }
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(guarded.status(&token).await, 200, "{retry_after}");
    }
}
