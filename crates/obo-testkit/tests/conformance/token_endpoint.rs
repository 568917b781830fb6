//! The form and its errors (RFC 6749 §3.2, §5.2), for any grant.

use http::Request;
use http_body_util::Full;

use crate::wire::{EXCHANGE, FORM, basic, encode, exchange, get, post_as, post_raw, send, server};

fn invalid_request() -> (u16, String) {
    (400, "invalid_request".to_owned())
}

/// TE-03
#[tokio::test]
async fn repeated_parameter_is_rejected() {
    let idp = server().await;
    let credentials = ("grant_type", "client_credentials");
    let twice = post_as(&idp, "service-a", &[credentials, credentials]).await;
    assert_eq!(twice.error(), invalid_request());
    let unknown = post_as(&idp, "service-a", &[credentials, ("x", "1"), ("x", "2")]).await;
    assert_eq!(unknown.error(), invalid_request());
    assert_eq!(post_as(&idp, "service-a", &[credentials]).await.status, 200);
}

/// TE-03
#[tokio::test]
async fn empty_parameter_counts_as_absent() {
    let idp = server().await;
    let alice = idp.user("alice").audience("service-a").mint();
    let more = [
        ("audience", "service-b"),
        ("audience", ""),
        ("scope", ""),
        ("resource", ""),
        ("actor_token_type", ""),
    ];
    assert_eq!(exchange(&idp, "service-a", &alice, &more).await.status, 200);
    assert_eq!(
        exchange(&idp, "service-a", &alice, &[("audience", "")])
            .await
            .error()
            .1,
        "invalid_target"
    );
    assert_eq!(
        post_as(&idp, "service-a", &[("grant_type", "")])
            .await
            .error(),
        invalid_request()
    );
}

/// TE-04
#[tokio::test]
async fn errors_are_json_with_challenge() {
    let idp = server().await;
    let body = encode(&[("grant_type", "client_credentials")]);
    let wrong = post_raw(&idp, FORM, &[&basic("service-a", "wrong")], body.clone()).await;
    assert_eq!(wrong.error(), (401, "invalid_client".to_owned()));
    assert_eq!(wrong.header("content-type"), "application/json");
    assert_eq!(wrong.header("cache-control"), "no-store");
    assert!(wrong.header("www-authenticate").starts_with("Basic "));
    let right = post_raw(&idp, FORM, &[&basic("service-a", "s3cret")], body).await;
    assert_eq!(
        (right.status.as_u16(), right.header("www-authenticate")),
        (200, "")
    );
}

/// TE-02
#[tokio::test]
async fn only_form_body_is_read() {
    let idp = server().await;
    let secret = basic("service-a", "s3cret");
    let body = encode(&[("grant_type", "client_credentials")]);
    let json = r#"{"grant_type":"client_credentials"}"#.to_owned();
    assert_eq!(
        post_raw(&idp, "application/json", &[&secret], json)
            .await
            .error(),
        invalid_request()
    );
    assert_eq!(
        post_raw(&idp, "text/plain", &[&secret], body.clone())
            .await
            .error(),
        invalid_request()
    );
    let with_charset = "Application/X-WWW-Form-Urlencoded; charset=UTF-8";
    assert_eq!(
        post_raw(&idp, with_charset, &[&secret], body).await.status,
        200
    );
}

/// TE-02
#[tokio::test]
async fn values_survive_form_encoding() {
    let idp = server().await;
    let target = "é b+c&d=e %";
    idp.client("service-a").may_exchange_to(target);
    let alice = idp.user("älice & co").audience("service-a").mint();
    let token = exchange(&idp, "service-a", &alice, &[("audience", target)])
        .await
        .access_token();
    assert_eq!(crate::wire::claims_of(&token)["aud"], target);
    assert_eq!(crate::wire::claims_of(&token)["sub"], "älice & co");
    // Without encoding, `+` is a space and `&` ends the value.
    let raw = format!(
        "grant_type={EXCHANGE}&subject_token={alice}&subject_token_type=x&audience={target}"
    );
    assert_eq!(
        post_raw(&idp, FORM, &[&basic("service-a", "s3cret")], raw)
            .await
            .status,
        400
    );
}

/// BC-04
#[tokio::test]
async fn unsupported_grants_are_rejected() {
    let idp = server().await;
    for grant_type in [
        "password",
        "implicit",
        "refresh_token",
        "authorization_code",
        "x",
    ] {
        let pairs = [
            ("grant_type", grant_type),
            ("username", "alice"),
            ("password", "pw"),
        ];
        let response = post_as(&idp, "service-a", &pairs).await;
        assert_eq!(response.error(), (400, "unsupported_grant_type".to_owned()));
    }
    let metadata = get(&format!(
        "{}/.well-known/openid-configuration",
        idp.issuer()
    ))
    .await
    .json();
    assert_eq!(
        metadata["grant_types_supported"],
        serde_json::json!(["client_credentials", EXCHANGE])
    );
    assert_eq!(metadata.get("authorization_endpoint"), None);
}

/// TE-01
#[tokio::test]
async fn token_endpoint_takes_post_only() {
    let idp = server().await;
    let url = format!("{}?grant_type=client_credentials", idp.token_endpoint());
    let response = send(Request::get(url).body(Full::default()).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (response.status.as_u16(), response.header("allow")),
        (405, "POST")
    );
}
