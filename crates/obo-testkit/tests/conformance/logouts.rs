//! Messages about logouts: what they contain, and how they are sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use obo_testkit::TestIdp;
use serde_json::json;

use crate::wire::{claims_of, header_of};

#[tokio::test]
async fn logout_token_has_required_claims() {
    let idp = TestIdp::start().await;
    let token = idp.logout_token("alice", "app").session("s-1").mint();
    assert_eq!(header_of(&token)["typ"], "logout+jwt");
    let claims = claims_of(&token);
    let iat = claims["iat"].as_i64().unwrap();
    let expected = json!({
        "iss": idp.issuer(), "sub": "alice", "aud": "app", "sid": "s-1", "iat": iat, "exp": iat + 120,
        "jti": claims["jti"],
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn security_event_has_required_claims() {
    let idp = TestIdp::start().await;
    let token = idp.security_event("session-revoked", "alice");
    let token = token.audience("https://a.example/ssf").mint();
    assert_eq!(header_of(&token)["typ"], "secevent+jwt");
    let claims = claims_of(&token);
    let expected = json!({
        "iss": idp.issuer(), "aud": "https://a.example/ssf", "iat": claims["iat"],
        "jti": claims["jti"],
        "sub_id": { "format": "iss_sub", "iss": idp.issuer(), "sub": "alice" },
        "events": { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} },
    });
    assert_eq!(claims, expected);
    let other = idp.security_event("https://a.example/event", "alice");
    let forged = other.without("sub_id").expires_in(-1).claims();
    assert_eq!(forged["events"], json!({ "https://a.example/event": {} }));
    assert!(forged.get("sub_id").is_none());
    assert!(forged["exp"].as_i64() < forged["iat"].as_i64());
}

#[tokio::test]
async fn messages_are_posted() {
    let idp = TestIdp::start().await;
    let received: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let sink = Arc::clone(&received);
    let receive = move |headers: HeaderMap, body: String| {
        let media_type = headers["content-type"].to_str().unwrap().to_owned();
        sink.lock().unwrap().push((media_type, body));
        async { (StatusCode::ACCEPTED, "seen") }
    };
    let app = Router::new().route("/receiver", post(receive));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/receiver", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let response = idp.send_logout(&url, "a.b.c").await;
    assert_eq!(
        (response.status().as_u16(), &**response.body()),
        (202, "seen")
    );
    idp.send_security_event(&url, "d.e.f").await;
    let pair = |media_type: &str, body: &str| (media_type.to_owned(), body.to_owned());
    let expected = [
        pair("application/x-www-form-urlencoded", "logout_token=a.b.c"),
        pair("application/secevent+jwt", "d.e.f"),
    ];
    assert_eq!(*received.lock().unwrap(), expected);
}
