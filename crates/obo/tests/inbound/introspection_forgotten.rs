//! A user who is forgotten while their token is introspected.

use obo::ResourceServer;
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};

use crate::guarded::builder_a;
use crate::introspecting::{INTROSPECT, OPAQUE, active, calls, code, in_process, trust_in_process};
use crate::issuer::{FakeIssuer, Reply};

const INACTIVE: &str = r#"{"active":false}"#;

/// Sends a request with the token, whose introspection has not completed yet.
async fn start_request(idp: &FakeIssuer, server: &ResourceServer) -> JoinHandle<&'static str> {
    idp.reply(INTROSPECT, Reply::Held(active(idp).to_string()));
    let server = server.clone();
    let earlier = calls(idp);
    let waiting = tokio::spawn(async move { code(&server, OPAQUE).await });
    idp.arrived(earlier + 1).await;
    waiting
}

#[tokio::test(start_paused = true)]
async fn older_response_is_refetched() {
    let (idp, server) = in_process(|settings| settings).await;
    let first = start_request(&idp, &server).await;
    server.forget(&idp.id(), "alice");
    idp.reply(INTROSPECT, Reply::Body(INACTIVE.to_owned()));
    // Later requests do not wait for the older response.
    let second = timeout(Duration::from_secs(1), code(&server, OPAQUE));
    assert_eq!(second.await.unwrap(), "inactive");
    idp.release();
    assert_eq!(first.await.unwrap(), "inactive");
    assert_eq!(calls(&idp), 2);
}

#[tokio::test(start_paused = true)]
async fn later_caller_gets_a_new_response() {
    let (idp, server) = in_process(|settings| settings).await;
    let first = start_request(&idp, &server).await;
    // The user is not known before the response.
    server.forget(&idp.id(), "bob");
    idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
    let second = timeout(Duration::from_secs(1), code(&server, OPAQUE));
    assert_eq!(second.await.unwrap(), "ok");
    idp.release();
    assert_eq!(first.await.unwrap(), "ok");
    assert_eq!(calls(&idp), 2);
}

#[tokio::test(start_paused = true)]
async fn waiting_caller_gets_a_new_response() {
    let (idp, server) = in_process(|settings| settings).await;
    let first = start_request(&idp, &server).await;
    let second = tokio::spawn({
        let server = server.clone();
        async move { code(&server, OPAQUE).await }
    });
    tokio::task::yield_now().await;
    server.forget(&idp.id(), "alice");
    idp.reply(INTROSPECT, Reply::Body(INACTIVE.to_owned()));
    idp.release();
    assert_eq!(first.await.unwrap(), "inactive");
    assert_eq!(second.await.unwrap(), "inactive");
    assert_eq!(calls(&idp), 2);
}

#[tokio::test(start_paused = true)]
async fn later_response_is_cached() {
    let (idp, server) = in_process(|settings| settings).await;
    let waiting = start_request(&idp, &server).await;
    server.forget(&idp.id(), "alice");
    idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
    idp.release();
    assert_eq!(waiting.await.unwrap(), "ok");
    assert_eq!(code(&server, OPAQUE).await, "ok");
    assert_eq!(calls(&idp), 2);
}

#[tokio::test(start_paused = true)]
async fn introspection_repeats_at_most_twice() {
    for is_last_one_good in [true, false] {
        let (idp, server) = in_process(|settings| settings).await;
        let waiting = start_request(&idp, &server).await;
        for count in 1..=2 {
            server.forget(&idp.id(), "alice");
            idp.release();
            let repeated = timeout(Duration::from_secs(60), idp.arrived(count + 1));
            repeated.await.unwrap();
        }
        if is_last_one_good {
            idp.release();
            assert_eq!(waiting.await.unwrap(), "ok");
        } else {
            server.forget(&idp.id(), "alice");
            idp.release();
            assert_eq!(waiting.await.unwrap(), "introspection_unavailable");
        }
        assert_eq!(calls(&idp), 3);
        // A missing response is not cached.
        idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
        assert_eq!(code(&server, OPAQUE).await, "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn forgetting_others_changes_nothing() {
    let (idp, server) = in_process(|settings| settings).await;
    let waiting = start_request(&idp, &server).await;
    server.forget(&idp.id(), "bob");
    let other = obo::Issuer::new("https://other.example").unwrap();
    server.forget(&other, "alice");
    idp.release();
    assert_eq!(waiting.await.unwrap(), "ok");
    assert_eq!(code(&server, OPAQUE).await, "ok");
    assert_eq!(calls(&idp), 1);
}

#[tokio::test(start_paused = true)]
async fn uncached_older_response_is_not_used() {
    let (idp, trust) = trust_in_process(|settings| settings.max_age(Duration::ZERO)).await;
    let builder = builder_a(trust);
    for server in [builder.clone(), builder.token_cache_bytes(0)] {
        let server = server.build().unwrap();
        let waiting = start_request(&idp, &server).await;
        server.forget(&idp.id(), "alice");
        idp.reply(INTROSPECT, Reply::Body(INACTIVE.to_owned()));
        idp.release();
        assert_eq!(waiting.await.unwrap(), "inactive");
    }
}

#[tokio::test(start_paused = true)]
async fn verified_jwt_is_introspected_again() {
    let (idp, server) = in_process(|settings| settings.for_revocation()).await;
    idp.reply(INTROSPECT, Reply::Held(active(&idp).to_string()));
    let token = idp.token().mint();
    let waiting = tokio::spawn({
        let server = server.clone();
        async move { code(&server, &token).await }
    });
    // The keys are fetched first.
    idp.arrived(2).await;
    server.forget(&idp.id(), "alice");
    idp.reply(INTROSPECT, Reply::Body(INACTIVE.to_owned()));
    idp.release();
    assert_eq!(waiting.await.unwrap(), "inactive");
    assert_eq!(calls(&idp), 2);
}
