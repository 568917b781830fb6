//! Targets and scopes of a token (RFC 8693 §2.1.1, RFC 8707, RFC 6749 §5.1).

use serde_json::json;

use crate::wire::{claims_of, exchange, post_as, server};

fn invalid_target() -> (u16, String) {
    (400, "invalid_target".to_owned())
}

/// TX-20
#[tokio::test]
async fn unknown_target_is_invalid_target() {
    let idp = server().await;
    let alice = idp.user("alice").audience("service-a").mint();
    let unknown = exchange(&idp, "service-a", &alice, &[("audience", "service-z")]).await;
    assert_eq!(unknown.error(), invalid_target());
    assert!(unknown.description().contains("audience service-z"));
    let resource = exchange(
        &idp,
        "service-a",
        &alice,
        &[("resource", "https://z.example")],
    )
    .await;
    assert_eq!(resource.error(), invalid_target());
    assert!(
        resource
            .description()
            .contains("resource https://z.example")
    );
    // There is no default audience.
    assert_eq!(
        exchange(&idp, "service-a", &alice, &[]).await.error(),
        invalid_target()
    );
    assert_eq!(
        exchange(&idp, "service-a", &alice, &[("audience", "service-b")])
            .await
            .status,
        200
    );
}

/// TX-20
#[tokio::test]
async fn no_target_is_allowed_by_default() {
    let idp = server().await;
    idp.client("service-n").secret("s3cret");
    let alice = idp.user("alice").audience("service-n").mint();
    let response = exchange(&idp, "service-n", &alice, &[("audience", "service-b")]).await;
    assert_eq!(response.error(), invalid_target());
}

/// TX-04
#[tokio::test]
async fn resource_is_absolute_uri() {
    let idp = server().await;
    let alice = idp.user("alice").audience("service-a").mint();
    for resource in ["api", "/api", "https://b.example/#x", "https://b.example/#"] {
        idp.client("service-a").may_exchange_to(resource);
        let response = exchange(&idp, "service-a", &alice, &[("resource", resource)]).await;
        assert_eq!(response.error(), invalid_target(), "{resource}");
    }
}

/// RI-02
#[tokio::test]
async fn aud_is_exactly_the_requested_one() {
    let idp = server().await;
    idp.client("service-a")
        .may_exchange_to("https://b.example")
        .may_exchange_to("service-c");
    let alice = idp.user("alice").audience("service-a").mint();
    let aud = async |more: &[(&str, &str)]| {
        claims_of(
            &exchange(&idp, "service-a", &alice, more)
                .await
                .access_token(),
        )["aud"]
            .clone()
    };
    assert_eq!(
        aud(&[("resource", "https://b.example")]).await,
        "https://b.example"
    );
    assert_eq!(aud(&[("audience", "service-c")]).await, "service-c");
    let both = [
        ("audience", "service-c"),
        ("resource", "https://b.example"),
        ("audience", "service-c"),
    ];
    assert_eq!(aud(&both).await, json!(["service-c", "https://b.example"]));
}

/// TX-08
#[tokio::test]
async fn one_denied_target_rejects_all() {
    let idp = server().await;
    let alice = idp.user("alice").audience("service-a").mint();
    let more = [("audience", "service-b"), ("audience", "service-z")];
    assert_eq!(
        exchange(&idp, "service-a", &alice, &more).await.error(),
        invalid_target()
    );
}

/// TX-08
#[tokio::test]
async fn narrowing_grants_allowed_targets() {
    let idp = server().await;
    idp.set_narrows_targets(true);
    let alice = idp.user("alice").audience("service-a").mint();
    let more = [("audience", "service-z"), ("audience", "service-b")];
    let token = exchange(&idp, "service-a", &alice, &more)
        .await
        .access_token();
    assert_eq!(claims_of(&token)["aud"], "service-b");
    let none_left = exchange(&idp, "service-a", &alice, &[("audience", "service-z")]).await;
    assert_eq!(none_left.error(), invalid_target());
    let grant = [
        ("grant_type", "client_credentials"),
        ("audience", "service-z"),
    ];
    assert_eq!(
        post_as(&idp, "service-a", &grant).await.error(),
        invalid_target()
    );
}

/// TX-08
#[tokio::test]
async fn scope_must_be_allowed_everywhere() {
    let idp = server().await;
    idp.client("service-a")
        .may_exchange_to("service-c")
        .scope_allowed("service-b", "read")
        .scope_allowed("service-b", "write")
        .scope_allowed("service-c", "read");
    let alice = idp.user("alice").audience("service-a").mint();
    let to_both = [
        ("audience", "service-b"),
        ("audience", "service-c"),
        ("scope", "read write"),
    ];
    let response = exchange(&idp, "service-a", &alice, &to_both).await;
    assert_eq!(response.json()["scope"], "read");
    assert_eq!(claims_of(&response.access_token())["scope"], "read");

    let refused = exchange(
        &idp,
        "service-a",
        &alice,
        &[("audience", "service-c"), ("scope", "write")],
    )
    .await;
    assert_eq!(refused.error(), (400, "invalid_scope".to_owned()));
}

#[tokio::test]
async fn scope_is_returned_only_if_changed() {
    let idp = server().await;
    let alice = idp
        .user("alice")
        .audience("service-a")
        .scope("orders:read orders:write")
        .mint();
    let scope = async |scope: &str| {
        let response = exchange(
            &idp,
            "service-a",
            &alice,
            &[("audience", "service-b"), ("scope", scope)],
        )
        .await;
        (
            response.json().get("scope").cloned(),
            claims_of(&response.access_token())["scope"].clone(),
        )
    };
    assert_eq!(scope("stock:read").await, (None, "stock:read".into()));
    let inherited = json!("orders:read orders:write");
    assert_eq!(scope("").await, (Some(inherited.clone()), inherited));
    idp.client("service-a")
        .scope_allowed("service-b", "stock:read");
    assert_eq!(
        scope("stock:read stock:write").await,
        (Some("stock:read".into()), "stock:read".into())
    );
}

/// AT-12
#[tokio::test]
async fn unregistered_audience_is_denied() {
    let idp = server().await;
    idp.client("service-a").may_request("service-b");
    let token = async |more: &[(&str, &str)]| {
        post_as(
            &idp,
            "service-a",
            &[&[("grant_type", "client_credentials")], more].concat(),
        )
        .await
    };
    let default = token(&[]).await;
    let claims = claims_of(&default.access_token());
    assert_eq!(claims["aud"], idp.issuer());
    assert_eq!(
        (&claims["sub"], &claims["client_id"]),
        (&"service-a".into(), &"service-a".into())
    );
    assert_eq!(claims.get("act"), None);
    assert_eq!(default.json().get("issued_token_type"), None);
    let addressed = token(&[("audience", "service-b"), ("scope", "read")]).await;
    assert_eq!(claims_of(&addressed.access_token())["aud"], "service-b");
    assert_eq!(
        token(&[("audience", "service-c")]).await.error(),
        invalid_target()
    );
}
