//! Concurrent requests: one introspection per token, and a limit for forged tokens.

use std::time::Duration;

use futures_util::future::join_all;
use http::header;
use obo::client::{Attempt, Authenticating, ClientAuth};
use obo::token_endpoint::TokenRequest;
use obo::{BearerAuthLayer, Client, Introspection, ResourceServer, Trust};
use tokio::time::{Instant, advance};

use crate::guarded::service_a;
use crate::guarded::{Guarded, assert_unavailable};
use crate::introspecting::{INTROSPECT, OPAQUE, active, calls, code, in_process};
use crate::issuer::Reply;

async fn thousand(server: &ResourceServer, token: impl Fn(usize) -> String) -> Vec<&'static str> {
    let tokens: Vec<_> = (0..1000).map(token).collect();
    join_all(tokens.iter().map(|token| code(server, token))).await
}

#[tokio::test(start_paused = true)]
async fn thousand_callers_share_one_call() {
    let (idp, server) = in_process(|settings| settings).await;
    let codes = thousand(&server, |_| OPAQUE.to_owned()).await;
    assert!(codes.iter().all(|code| *code == "ok"));
    assert_eq!(calls(&idp), 1);
}

#[tokio::test(start_paused = true)]
async fn thousand_callers_share_one_failure() {
    for reply in [
        Reply::Status(500),
        Reply::Reset,
        Reply::Slow(60, 200),
        Reply::Body("<html>".to_owned()),
    ] {
        let (idp, server) = in_process(|settings| settings).await;
        idp.reply(INTROSPECT, reply);
        let codes = thousand(&server, |_| OPAQUE.to_owned()).await;
        let failed = |code: &&str| *code == "introspection_unavailable";
        assert!(codes.iter().all(failed));
        assert_eq!(calls(&idp), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn thousand_forged_tokens_are_capped() {
    let (idp, server) = in_process(|settings| settings.concurrency(10)).await;
    idp.reply(INTROSPECT, Reply::Slow(1, 200));
    let codes = thousand(&server, |i| format!("forged-{i}")).await;
    let count = |wanted: &str| codes.iter().filter(|code| **code == wanted).count();
    assert_eq!(count("introspection_overloaded"), 990);
    assert_eq!(calls(&idp), 10);
    // Text that is not a token is not introspected.
    for odd in ["a b", "a\u{e9}", "=", &"a".repeat(16 * 1024 + 1)] {
        assert!(["malformed_credentials", "token_too_long"].contains(&code(&server, odd).await));
    }
    assert_eq!(calls(&idp), 10);
}

/// BT-18
#[tokio::test(start_paused = true)]
async fn overload_is_503() {
    let (idp, server) = in_process(|settings| settings.concurrency(1)).await;
    idp.reply(INTROSPECT, Reply::Hang);
    let guarded = Guarded::new(BearerAuthLayer::new(server));
    let first = tokio::spawn({
        let guarded = guarded.clone();
        async move { guarded.status(OPAQUE).await }
    });
    idp.arrived(1).await;
    let response = guarded.with("Bearer another").await;
    assert_unavailable(&response, "1");
    assert_eq!(first.await.unwrap(), 503);
    assert_eq!(guarded.admitted(), 0);
}

#[tokio::test(start_paused = true)]
async fn leaving_caller_affects_no_other() {
    let (idp, server) = in_process(|settings| settings).await;
    idp.reply(INTROSPECT, Reply::Hang);
    let (one, two) = (server.clone(), server.clone());
    let first = tokio::spawn(async move { code(&one, OPAQUE).await });
    idp.arrived(1).await;
    let second = tokio::spawn(async move { code(&two, OPAQUE).await });
    tokio::task::yield_now().await;
    first.abort();
    idp.heal();
    idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
    // Requests that hung get a 404 of the healed issuer, which is not a response.
    assert_eq!(second.await.unwrap(), "introspection_unavailable");
    assert_eq!(calls(&idp), 1);
}

#[tokio::test(start_paused = true)]
async fn failing_server_opens_the_breaker() {
    // Statuses of a server that fails for every token. 500 may be due to the token; see below.
    for reply in [
        Reply::Status(502),
        Reply::Status(503),
        Reply::Status(504),
        Reply::Reset,
        Reply::Half,
        Reply::Hang,
    ] {
        let (idp, server) = in_process(|settings| settings).await;
        idp.reply(INTROSPECT, reply);
        for number in 0..20 {
            let token = format!("opaque-{number}");
            assert_eq!(code(&server, &token).await, "introspection_unavailable");
        }
        assert_eq!(calls(&idp), 5);
        idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
        assert_eq!(code(&server, OPAQUE).await, "introspection_unavailable");
        advance(Duration::from_secs(1)).await;
        assert_eq!(code(&server, OPAQUE).await, "ok");
        assert_eq!(calls(&idp), 6);
    }
}

/// Otherwise a token that makes the server fail would block all others.
#[tokio::test(start_paused = true)]
async fn forged_tokens_do_not_open_breaker() {
    for status in [500, 501] {
        let (idp, server) = in_process(|settings| settings).await;
        idp.reply(INTROSPECT, Reply::Status(status));
        for number in 0..20 {
            let token = format!("forged-{number}");
            assert_eq!(code(&server, &token).await, "introspection_unavailable");
        }
        assert_eq!(calls(&idp), 20);
        idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
        assert_eq!(code(&server, OPAQUE).await, "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn verified_tokens_open_the_breaker() {
    let (idp, server) = in_process(|settings| settings.for_revocation()).await;
    idp.reply(INTROSPECT, Reply::Status(500));
    for _ in 0..20 {
        let token = idp.token().mint();
        assert_eq!(code(&server, &token).await, "introspection_unavailable");
    }
    assert_eq!(calls(&idp), 5);
}

#[tokio::test(start_paused = true)]
async fn requested_pause_is_passed_on() {
    for status in [429, 503] {
        let (idp, server) = in_process(|settings| settings).await;
        idp.reply(INTROSPECT, Reply::Header(status, header::RETRY_AFTER, "7"));
        let guarded = Guarded::new(BearerAuthLayer::new(server));
        for (token, requests) in [
            (OPAQUE, 1),
            (OPAQUE, 1),
            ("another", 2),
            ("a-third", 3),
            ("a-fourth", 3),
        ] {
            let response = guarded.with(format!("Bearer {token}")).await;
            assert_unavailable(&response, "7");
            assert_eq!(calls(&idp), requests, "{token}");
        }
        idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
        advance(Duration::from_secs(7)).await;
        assert_eq!(guarded.status(OPAQUE).await, 200);
    }
}

/// BT-18
#[tokio::test(start_paused = true)]
async fn hanging_server_times_out() {
    for reply in [Reply::Hang, Reply::Half] {
        let (idp, server) = in_process(|settings| settings).await;
        idp.reply(INTROSPECT, reply);
        let start = Instant::now();
        assert_eq!(code(&server, OPAQUE).await, "introspection_unavailable");
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}

/// A client whose credentials never become available.
#[derive(Debug)]
struct Hanging;

impl ClientAuth for Hanging {
    fn authenticate<'a>(&'a self, _: &'a mut TokenRequest, _: Attempt<'a>) -> Authenticating<'a> {
        Box::pin(std::future::pending())
    }
}

/// BT-18
#[tokio::test(start_paused = true)]
async fn hanging_authentication_times_out() {
    let (idp, _) = in_process(|settings| settings).await;
    let settings = Introspection::new(Client::new("service-a", Hanging));
    let settings = settings.endpoint("https://idp.example/introspect");
    let server = service_a(Trust::new(idp.known()).introspect(settings));
    let start = Instant::now();
    assert_eq!(code(&server, OPAQUE).await, "introspection_unavailable");
    assert_eq!((start.elapsed().as_secs(), calls(&idp)), (5, 0));
}
