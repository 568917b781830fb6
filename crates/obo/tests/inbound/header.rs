//! The `Authorization` header, read by RFC 6750 and RFC 9110.

use http::{Request, header};
use obo::Rejection;

use crate::guarded::{Guarded, INVALID_REQUEST, INVALID_TOKEN, assert_refused, with_line};
use crate::issuer::FakeIssuer;

async fn guarded() -> (Guarded, String) {
    let idp = FakeIssuer::new().await;
    (Guarded::by(idp.known()), idp.token().mint())
}

/// BT-01, BT-02, BT-03
#[tokio::test]
async fn scheme_spelling_does_not_matter() {
    let (guarded, token) = guarded().await;
    for scheme in ["Bearer ", "bearer ", "BEARER ", "BeArEr ", "Bearer   "] {
        let response = guarded.with(format!("{scheme}{token}")).await;
        assert_eq!(response.status(), 200, "{scheme:?}");
        assert_eq!(response.body(), "inner");
        assert_eq!(guarded.last().unwrap().subject(), "alice");
    }
}

/// BT-03, BT-11
#[tokio::test]
async fn nothing_may_follow_the_token() {
    let (guarded, token) = guarded().await;
    for line in [
        format!("Bearer {token} b"),
        format!("Bearer {token},b"),
        format!("Bearer {token}, Basic YTpi"),
        format!("Bearer {token};a=b"),
        format!("Bearer {token} "),
        format!("Bearer {token}\t"),
        format!("Bearer \t{token}"),
        format!("Bearer Bearer {token}"),
        format!("Bearer \"{token}\""),
    ] {
        let response = guarded.with(&line).await;
        assert_refused(&response, 400, &[INVALID_REQUEST], &line);
    }
    assert_eq!(guarded.admitted(), 0);
}

/// BT-04, BT-11
#[tokio::test]
async fn token_is_token68_only() {
    let (guarded, _) = guarded().await;
    for malformed in ["Bearer", "Bearer ", "Bearer   ", "Bearer =", "Bearer a=b"] {
        let response = guarded.with(malformed).await;
        assert_refused(&response, 400, &[INVALID_REQUEST], malformed);
    }
    for byte in (0x21..=0x7e).chain(0x80..=0xff) {
        let response = guarded
            .with([b"Bearer a".as_slice(), &[byte, b'b']].concat())
            .await;
        let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let (status, challenge) = match allowed {
            true => (401, INVALID_TOKEN),
            false => (400, INVALID_REQUEST),
        };
        assert_refused(&response, status, &[challenge], &format!("{byte:#x}"));
    }
    assert_eq!(guarded.admitted(), 0);
}

/// BT-05
#[tokio::test]
async fn second_authorization_is_rejected() {
    let (guarded, token) = guarded().await;
    let bearer = format!("Bearer {token}");
    for (first, second) in [
        (&*bearer, &*bearer),
        (&bearer, "Basic YTpi"),
        ("Basic YTpi", &bearer),
        ("Basic YTpi", "Basic YTpi"),
    ] {
        let mut request = with_line(first);
        let second = second.parse().unwrap();
        request.headers_mut().append(header::AUTHORIZATION, second);
        let response = guarded.send(request).await;
        assert_refused(&response, 400, &[INVALID_REQUEST], first);
    }
    assert_eq!(guarded.admitted(), 0);
}

/// BT-06
#[tokio::test]
async fn query_token_with_header_is_rejected() {
    let (guarded, token) = guarded().await;
    for query in [
        "access_token=x",
        "a=b&access_token=",
        "access%5Ftoken=x",
        "access_token",
    ] {
        let mut request = with_line(format!("Bearer {token}"));
        *request.uri_mut() = format!("/orders?{query}").parse().unwrap();
        let response = guarded.send(request).await;
        assert_refused(&response, 400, &[INVALID_REQUEST], query);
    }
    assert_eq!(guarded.admitted(), 0);

    let mut request = with_line(format!("Bearer {token}"));
    *request.uri_mut() = "/orders?q=access_token".parse().unwrap();
    assert_eq!(guarded.send(request).await.status(), 200);
}

/// BT-08, BT-10
#[tokio::test]
async fn query_token_alone_is_ignored() {
    let (guarded, token) = guarded().await;
    let request = Request::get(format!("/orders?access_token={token}"));
    let response = guarded.send(request.body(()).unwrap()).await;
    assert_refused(&response, 401, &["Bearer"], "query");
    assert_eq!(guarded.admitted(), 0);
}

/// BT-10
#[tokio::test]
async fn bare_challenge_has_no_error() {
    let (guarded, token) = guarded().await;
    let none = Request::get("/orders").body(()).unwrap();
    assert_refused(&guarded.send(none).await, 401, &["Bearer"], "no header");
    for foreign in [
        "Basic YTpi".to_owned(),
        "Digest x".to_owned(),
        "Bearer2 x".to_owned(),
        String::new(),
        token.clone(),
        format!("DPoP {token}"),
        format!("Token {token}"),
        format!(" Bearer {token}"),
    ] {
        let response = guarded.with(&foreign).await;
        assert_refused(&response, 401, &["Bearer"], &foreign);
    }
    assert_eq!(guarded.admitted(), 0);
}

#[tokio::test]
async fn other_scheme_is_logged() {
    let (guarded, token) = guarded().await;
    for (line, named) in [
        ("Basic YTpi", "(Basic)"),
        ("basic YTpi", "(Basic)"),
        ("DPoP eyJh.e30.x", "(DPoP)"),
        ("Negotiate", "(Negotiate)"),
        ("Token s3cret", "(an unknown scheme)"),
        ("Bearer: s3cret", "(an unknown scheme)"),
        (&token, "(no scheme)"),
    ] {
        let response = guarded.with(line).await;
        assert_refused(&response, 401, &["Bearer"], line);
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.code(), "missing_credentials");
        let reason = rejection.to_string();
        assert!(reason.contains(named), "{line}: {reason}");
        assert!(!reason.contains("malformed"), "{reason}");
        assert!(
            !reason.contains("s3cret") && !reason.contains(&token),
            "{reason}"
        );
    }
    let nothing = guarded.with("").await;
    let rejection = nothing.extensions().get::<Rejection>();
    assert_eq!(rejection, Some(&Rejection::MissingCredentials));
}
