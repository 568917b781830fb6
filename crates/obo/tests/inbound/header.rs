//! The `Authorization` header, read by RFC 6750 and RFC 9110.

use http::{Request, header};
use obo::Rejection;

use crate::guarded::{Guarded, INVALID_REQUEST, INVALID_TOKEN, assert_refused, with_line};
use crate::issuer::FakeIssuer;

async fn guarded() -> (Guarded, String) {
    let idp = FakeIssuer::new().await;
    (Guarded::by(idp.known()), idp.token().mint())
}

#[tokio::test]
async fn bt_01_bt_02_bt_03_a_bearer_token_is_accepted_however_its_scheme_is_spelt() {
    let (guarded, token) = guarded().await;
    for scheme in ["Bearer ", "bearer ", "BEARER ", "BeArEr ", "Bearer   "] {
        let response = guarded.with(format!("{scheme}{token}")).await;
        assert_eq!(response.status(), 200, "{scheme:?}");
        assert_eq!(response.body(), "inner");
        assert_eq!(guarded.last().unwrap().subject(), "alice");
    }
}

#[tokio::test]
async fn bt_03_bt_11_nothing_may_follow_the_token() {
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

#[tokio::test]
async fn bt_04_bt_11_a_token_is_of_token68_alone() {
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

#[tokio::test]
async fn bt_05_two_authorization_lines_are_refused() {
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

#[tokio::test]
async fn bt_06_a_token_in_the_query_beside_the_header_is_refused() {
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

#[tokio::test]
async fn bt_08_bt_10_a_token_in_the_query_alone_counts_as_none() {
    let (guarded, token) = guarded().await;
    let request = Request::get(format!("/orders?access_token={token}"));
    let response = guarded.send(request.body(()).unwrap()).await;
    assert_refused(&response, 401, &["Bearer"], "query");
    assert_eq!(guarded.admitted(), 0);
}

#[tokio::test]
async fn bt_10_without_bearer_credentials_the_challenge_says_no_error() {
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
async fn another_scheme_is_named_in_the_log() {
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
