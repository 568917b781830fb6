//! A server that is down, slow or broken after it was healthy.

use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::RETRY_AFTER;
use tokio::time::{Instant, advance};

use crate::guarded::{Guarded, service_a};
use crate::issuer::{FakeIssuer, JWKS, Reply};

async fn running() -> (FakeIssuer, Guarded, String) {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    let token = idp.token().mint();
    assert_eq!(guarded.status(&token).await, 200);
    (idp, guarded, token)
}

#[tokio::test(start_paused = true)]
async fn known_keys_work_while_server_hangs() {
    for hanging in [Reply::Hang, Reply::Half] {
        let (idp, guarded, token) = running().await;
        idp.reply(JWKS, hanging);
        for _ in 0..600 {
            advance(Duration::from_secs(1)).await;
            let status = guarded.status(&token).now_or_never();
            assert_eq!(status, Some(200), "without waiting");
            tokio::task::yield_now().await;
        }
        assert!(idp.fetches() > 2, "it is tried meanwhile");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_key_does_not_delay_known() {
    let (idp, guarded, token) = running().await;
    idp.reply(JWKS, Reply::Hang);
    let unknown = idp.token().kid(Some("k9")).mint();
    let known = async {
        idp.arrived(2).await;
        assert_eq!(guarded.status(&token).now_or_never(), Some(200));
    };
    let started = Instant::now();
    let (status, ()) = tokio::join!(guarded.status(&unknown), known);
    assert_eq!((status, started.elapsed().as_secs()), (503, 5));
}

/// JW-23
#[tokio::test(start_paused = true)]
async fn stale_set_lasts_one_day() {
    let (idp, guarded, token) = running().await;
    idp.reply(JWKS, Reply::Reset);
    for hour in 1..24 {
        advance(Duration::from_secs(3600)).await;
        assert_eq!(guarded.status(&token).await, 200, "after {hour} hours");
    }
    advance(Duration::from_secs(3599)).await;
    assert_eq!(guarded.status(&token).await, 200);
    advance(Duration::from_secs(1)).await;
    assert_eq!(guarded.status(&token).await, 503);
    idp.heal();
    advance(Duration::from_millis(500)).await;
    assert_eq!(guarded.status(&token).await, 200);
}

/// JW-23
#[tokio::test(start_paused = true)]
async fn empty_set_ends_an_outage() {
    let (idp, guarded, token) = running().await;
    idp.withdraw_all();
    advance(Duration::from_secs(24 * 3600)).await;
    guarded
        .refuses(&token, "there is no older set to use")
        .await;
}

/// JW-23
#[tokio::test(start_paused = true)]
async fn broken_documents_keep_the_set() {
    for broken in [
        Reply::Endless,
        Reply::Status(500),
        Reply::Status(204),
        Reply::Header(302, http::header::LOCATION, "https://evil.example/jwks"),
        Reply::Reset,
        Reply::Body("<html>502</html>".to_owned()),
        Reply::Body(String::new()),
        Reply::Body("[]".to_owned()),
        Reply::Body("null".to_owned()),
        Reply::Body(r#"{"keys":null}"#.to_owned()),
        Reply::Body(r#"{"keys":{}}"#.to_owned()),
        Reply::Body(r#"{"keys":[null,7]}"#.to_owned()),
        Reply::Body(r#"{"keys":[]"#.to_owned()),
        Reply::Body(format!(r#"{{"keys":[{}]}}"#, "null,".repeat(1 << 18))),
    ] {
        let (idp, guarded, token) = running().await;
        idp.reply(JWKS, broken);
        advance(Duration::from_secs(150)).await;
        for _ in 0..300 {
            assert_eq!(guarded.status(&token).await, 200);
            tokio::task::yield_now().await;
            advance(Duration::from_secs(1)).await;
        }
        assert!(
            (8..=20).contains(&idp.fetches()),
            "{} fetches",
            idp.fetches()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn requested_pause_stops_all_fetches() {
    let (idp, guarded, token) = running().await;
    idp.reply(JWKS, Reply::Header(429, RETRY_AFTER, "120"));
    advance(Duration::from_secs(150)).await;
    assert_eq!(guarded.status(&token).await, 200);
    idp.arrived(2).await;
    idp.heal();
    idp.rotate("k2");
    let new = idp.token().mint();
    for _ in 0..119 {
        advance(Duration::from_secs(1)).await;
        assert_eq!(guarded.status(&token).await, 200);
        assert_eq!(guarded.status(&new).await, 503);
    }
    assert_eq!(idp.fetches(), 2);
    advance(Duration::from_secs(1)).await;
    assert_eq!(guarded.status(&new).await, 200);
    assert_eq!(idp.fetches(), 3);
}

/// JW-20
#[tokio::test(start_paused = true)]
async fn odd_keys_do_not_spoil_others() {
    let (idp, _, token) = running().await;
    let sound = idp.key_set();
    let keys = sound.strip_prefix(r#"{"keys":["#).unwrap();
    let odd = r#"{"kty":"AKP","alg":"ML-DSA-44","kid":"a"},null,{"kty":"oct","k":"AA"}"#;
    idp.reply(JWKS, Reply::Body(format!(r#"{{"keys":[{odd},{keys}"#)));
    assert_eq!(Guarded::by(idp.known()).status(&token).await, 200);
}

/// One runtime per thread, and the thread that started the fetch does nothing any more.
#[test]
fn idle_runtime_blocks_no_fetch() {
    let builder = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all();
        builder
    };
    let idle = builder().build().unwrap();
    let (idp, server) = idle.block_on(async {
        let idp = FakeIssuer::new().await;
        let server = service_a(idp.known());
        assert!(server.ready().now_or_never().is_none());
        (idp, server)
    });
    let driven = builder().start_paused(true).build().unwrap();
    driven.block_on(async {
        server.ready().await.unwrap_err();
        server.ready().await.unwrap();
    });
    assert_eq!(idp.fetches(), 1);
}
