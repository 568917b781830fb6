//! `SecurityEvents`: push of security event tokens (RFC 8935).

use http::Response;
use obo::fleet::Revoked;
use obo_testkit::{TestAlg, TestKey};
use serde_json::{Value, json};

use crate::issuer::{FakeIssuer, JWKS, Reply};
use crate::receiving::{Receiving, event, header, logout, post, pushed, send};

/// Checks that a request was refused as a bad one, and returns the code.
fn bad(response: &Response<String>) -> String {
    assert_eq!(response.status(), 400, "{}", response.body());
    assert_eq!(header(response, "content-type"), "application/json");
    assert_eq!(header(response, "content-language"), "en");
    let body: Value = serde_json::from_str(response.body()).unwrap();
    assert!(!body["description"].as_str().unwrap().is_empty());
    body["err"].as_str().unwrap().to_owned()
}

fn alice() -> Revoked {
    Revoked::Subject("alice".into())
}

#[tokio::test]
async fn event_revokes_the_user() {
    let idp = FakeIssuer::new().await;
    for name in [
        "session-revoked",
        "credential-change",
        "token-claims-change",
    ] {
        let receiving = Receiving::from(&idp);
        let response = receiving.push(&event(&idp, name, "alice").mint()).await;
        assert_eq!(response.status(), 202, "{name}");
        assert_eq!(response.body(), "");
        assert_eq!(receiving.store.only(), alice(), "{name}");
    }
}

#[tokio::test]
async fn session_of_complex_subject_is_revoked() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let subject = json!({
        "format": "complex",
        "user": { "format": "iss_sub", "iss": idp.id().as_str(), "sub": "alice" },
        "session": { "format": "opaque", "id": "s-1" },
    });
    let token = event(&idp, "session-revoked", "alice").claim("sub_id", subject);
    assert_eq!(receiving.push(&token.mint()).await.status(), 202);
    assert_eq!(receiving.store.only(), Revoked::Session("s-1".into()));
}

/// RFC 8935 section 2: a sender repeats a message whose response was lost.
#[tokio::test]
async fn repeated_event_is_acknowledged() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let replica = receiving.replica(&idp);
    let token = event(&idp, "session-revoked", "alice").mint();
    for receiver in [&receiving, &receiving, &replica] {
        assert_eq!(receiver.push(&token).await.status(), 202);
    }
    assert_eq!(receiving.store.only(), alice());
}

#[tokio::test]
async fn other_event_is_acknowledged() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    for name in ["assurance-level-change", verification] {
        let token = event(&idp, name, "alice").mint();
        assert_eq!(receiving.push(&token).await.status(), 202, "{name}");
    }
    assert!(receiving.store.revoked().is_empty());
    // But not if it is forged.
    let foreign = TestKey::generate(TestAlg::Es256);
    let forged = event(&idp, verification, "alice").sign_with(&foreign);
    bad(&receiving.push(&forged.mint()).await);
}

/// RFC 8935 section 2.4
#[tokio::test]
async fn each_mistake_has_its_code() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = || event(&idp, "session-revoked", "alice");
    let foreign = TestKey::generate(TestAlg::Es256);
    let elsewhere = json!({ "format": "iss_sub", "iss": "https://x.example", "sub": "alice" });
    for (wrong, code) in [
        (token().without("sub_id"), "invalid_request"),
        (token().without("jti"), "invalid_request"),
        (token().without("events"), "invalid_request"),
        (token().without("iat"), "invalid_request"),
        (token().expires_in(-3600), "invalid_request"),
        (token().issued_at(3600), "invalid_request"),
        (token().typ(Some("JWT")), "invalid_request"),
        (token().typ(None), "invalid_request"),
        (token().header("crit", "x"), "invalid_request"),
        (token().claim("aud", "other"), "invalid_audience"),
        (token().without("aud"), "invalid_audience"),
        (token().issuer("https://x.example"), "invalid_issuer"),
        (token().without("iss"), "invalid_issuer"),
        (token().kid(Some("unknown")), "invalid_key"),
        (token().header("alg", "none"), "invalid_key"),
        (token().sign_with(&foreign), "authentication_failed"),
        (token().claim("sub_id", elsewhere), "access_denied"),
        (logout(&idp, "alice"), "invalid_request"),
    ] {
        let response = receiving.push(&wrong.mint()).await;
        assert_eq!(bad(&response), code, "{wrong:?}");
    }
    for text in ["", "x", "{}", "a.b.c"] {
        assert_eq!(bad(&receiving.push(text).await), "invalid_request");
    }
    assert!(receiving.store.revoked().is_empty());
}

#[tokio::test]
async fn only_posted_events_are_read() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = event(&idp, "session-revoked", "alice").mint();
    let mut request = pushed(&token);
    *request.method_mut() = http::Method::GET;
    let response = send(&receiving.events, request).await;
    assert_eq!(response.status(), 405);
    assert_eq!(header(&response, "allow"), "POST");
    for media_type in ["application/jwt", "application/json", ""] {
        let response = send(&receiving.events, post(media_type, token.clone())).await;
        assert_eq!(response.status(), 415, "{media_type}");
    }
    let long = receiving.push(&"x".repeat(64 * 1024 + 1)).await;
    assert_eq!(long.status(), 413);
    assert_eq!(receiving.push(&token).await.status(), 202);
}

#[tokio::test]
async fn unavailable_receiver_asks_again() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = event(&idp, "session-revoked", "alice").mint();
    receiving.store.set_away(true);
    let response = receiving.push(&token).await;
    assert_eq!(response.status(), 503);
    assert_eq!(header(&response, "retry-after"), "1");
    receiving.store.set_away(false);
    assert_eq!(receiving.push(&token).await.status(), 202);
    assert_eq!(receiving.store.only(), alice());

    let receiving = Receiving::from(&idp);
    idp.reply(JWKS, Reply::Status(500));
    let response = receiving.push(&token).await;
    assert_eq!(response.status(), 503);
    assert!(!header(&response, "retry-after").is_empty());
}
