//! Faults.

use std::time::Duration;

use obo_testkit::{Endpoint, Fault};
use serde_json::json;
use tokio::time::Instant;

use crate::wire::{exchange, get, post_as, server};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn status_fault_lasts_until_healed() {
    let idp = server().await;
    idp.fault(Endpoint::Token, Fault::Status(503));
    for _ in 0..2 {
        assert_eq!(post_as(&idp, "service-a", &[GRANT]).await.status, 503);
    }
    assert_eq!(
        get(&idp.jwks_uri()).await.status,
        200,
        "other endpoints are well"
    );
    idp.heal();
    assert_eq!(post_as(&idp, "service-a", &[GRANT]).await.status, 200);
}

#[tokio::test]
async fn one_time_faults_apply_in_order() {
    let idp = server().await;
    idp.fault_once(Endpoint::Token, Fault::RetryAfter(429, "7".to_owned()));
    idp.fault_once(Endpoint::Token, Fault::Body("<html>".to_owned()));
    let throttled = post_as(&idp, "service-a", &[GRANT]).await;
    assert_eq!(
        (throttled.status.as_u16(), throttled.header("retry-after")),
        (429, "7")
    );
    let lie = post_as(&idp, "service-a", &[GRANT]).await;
    assert_eq!((lie.status.as_u16(), &lie.body[..]), (200, &b"<html>"[..]));
    assert_eq!(
        post_as(&idp, "service-a", &[GRANT]).await.json()["token_type"],
        "Bearer"
    );
}

#[tokio::test]
async fn merge_fault_edits_success() {
    let idp = server().await;
    let edit = json!({ "token_type": "N_A", "issued_token_type": null, "refresh_token": "r" });
    idp.fault(Endpoint::Token, Fault::Merge(edit));
    let alice = idp.user("alice").audience("service-a").mint();
    let body = exchange(&idp, "service-a", &alice, &[("audience", "service-b")])
        .await
        .json();
    assert_eq!(
        (&body["token_type"], &body["refresh_token"]),
        (&"N_A".into(), &"r".into())
    );
    assert_eq!(body.get("issued_token_type"), None);
    let error = exchange(&idp, "service-a", &alice, &[("audience", "service-z")]).await;
    assert_eq!(error.json().get("refresh_token"), None);
}

#[tokio::test]
async fn discovery_can_name_another_issuer() {
    let idp = server().await;
    let openid = format!("{}/.well-known/openid-configuration", idp.issuer());
    let oauth = format!("{}/.well-known/oauth-authorization-server", idp.issuer());
    idp.misbehave(Fault::WrongIssuer);
    assert_ne!(get(&openid).await.json()["issuer"], idp.issuer());
    assert_eq!(get(&idp.jwks_uri()).await.json().get("issuer"), None);
    idp.heal();
    idp.fault(Endpoint::OAuthMetadata, Fault::Status(404));
    assert_eq!(get(&oauth).await.status, 404);
    assert_eq!(get(&openid).await.json()["issuer"], idp.issuer());
}

#[tokio::test(start_paused = true)]
async fn delay_uses_the_test_clock() {
    let idp = server().await;
    idp.fault(Endpoint::Jwks, Fault::Delay(Duration::from_secs(3600)));
    let start = Instant::now();
    assert_eq!(get(&idp.jwks_uri()).await.status, 200);
    assert!(start.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn healed_request_continues() {
    let idp = server().await;
    idp.fault(Endpoint::Token, Fault::Hang);
    let hanging = tokio::spawn({
        let idp = idp.clone();
        async move { post_as(&idp, "service-a", &[GRANT]).await }
    });
    idp.wait_for_requests(Endpoint::Token, 1).await;
    assert!(!hanging.is_finished());
    assert_eq!(idp.requests()[0].status, None);
    idp.heal();
    assert_eq!(hanging.await.unwrap().status, 200);
    assert_eq!(idp.requests()[0].status, Some(200));
}
