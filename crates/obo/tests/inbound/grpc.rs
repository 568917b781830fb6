//! Refusals of gRPC requests: HTTP 200, with the status in the headers.

use http::{HeaderName, HeaderValue, Request, header};
use obo::Rule;

use crate::guarded::{Guarded, challenges, with_line};
use crate::issuer::{FakeIssuer, JWKS, Reply};

const GRPC: [&str; 5] = [
    "application/grpc",
    "application/grpc+proto",
    "application/grpc;charset=utf-8",
    "application/grpc-web",
    "application/grpc-web-text+proto",
];

/// Sends a request of each kind of gRPC and expects this code.
async fn refused(
    guarded: &Guarded,
    request: impl Fn() -> Request<()>,
    code: u8,
    challenge: &[&str],
) {
    for content_type in GRPC {
        let mut request = request();
        let value = HeaderValue::from_static(content_type);
        request.headers_mut().insert(header::CONTENT_TYPE, value);
        *request.method_mut() = http::Method::POST;
        let response = guarded.send(request).await;
        assert_eq!(response.status(), 200, "{content_type}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], content_type);
        assert_eq!(
            response.headers()["grpc-status"],
            code.to_string(),
            "{content_type}"
        );
        assert_eq!(challenges(&response), challenge, "{content_type}");
        assert_eq!(response.body(), "");
    }
    assert_eq!(guarded.admitted(), 0);
}

/// GR-01, GR-02, GR-05
#[tokio::test]
async fn bad_credentials_are_unauthenticated() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    let expired = format!("Bearer {}", idp.token().expires_in(-61).mint());
    let good = format!("Bearer {}", idp.token().mint());
    let invalid_request = [r#"Bearer error="invalid_request""#];
    let twice = || {
        let mut request = with_line(&good);
        let again = good.parse().unwrap();
        request.headers_mut().append(header::AUTHORIZATION, again);
        request
    };
    let binary_key = || {
        let mut request = Request::new(());
        let name = HeaderName::from_static("authorization-bin");
        request.headers_mut().insert(name, good.parse().unwrap());
        request
    };
    refused(&guarded, || Request::new(()), 16, &["Bearer"]).await;
    refused(&guarded, || with_line("Basic YTpi"), 16, &["Bearer"]).await;
    refused(&guarded, binary_key, 16, &["Bearer"]).await;
    refused(&guarded, || with_line("Bearer a b"), 16, &invalid_request).await;
    refused(&guarded, twice, 16, &invalid_request).await;
    refused(
        &guarded,
        || with_line(&expired),
        16,
        &[r#"Bearer error="invalid_token""#],
    )
    .await;
}

/// GR-03
#[tokio::test]
async fn caller_without_permission_is_denied() {
    let idp = FakeIssuer::new().await;
    let token = format!("Bearer {}", idp.token().mint());
    let scope = Rule::scopes(["a"]);
    for (rule, challenge) in [
        (scope, r#"Bearer error="insufficient_scope", scope="a""#),
        (Rule::any_actor(), r#"Bearer error="insufficient_scope""#),
        (Rule::service(), r#"Bearer error="insufficient_scope""#),
    ] {
        let guarded = Guarded::by(idp.known()).requires(rule);
        refused(&guarded, || with_line(&token), 7, &[challenge]).await;
    }
}

/// GR-04
#[tokio::test]
async fn missing_keys_are_unavailable() {
    let idp = FakeIssuer::new().await;
    idp.reply(JWKS, Reply::Status(500));
    let token = format!("Bearer {}", idp.token().mint());
    refused(&Guarded::by(idp.known()), || with_line(&token), 14, &[]).await;
}

/// GR-01
#[tokio::test]
async fn other_content_types_get_http() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    for other in [
        "application/json",
        "application/grpcx",
        "application/grpc/x",
        "",
    ] {
        let mut request = with_line("Bearer x");
        let value = HeaderValue::from_static(other);
        request.headers_mut().insert(header::CONTENT_TYPE, value);
        *request.method_mut() = http::Method::POST;
        let response = guarded.send(request).await;
        assert_eq!(response.status(), 401, "{other}");
        assert!(response.headers().get("grpc-status").is_none());
    }
}
