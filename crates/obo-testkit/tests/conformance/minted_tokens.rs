//! The tokens that the builder writes.

use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde_json::json;

use crate::wire::{claims_of, header_of};

/// AT-02
#[tokio::test]
async fn minted_token_has_required_claims() {
    let idp = TestIdp::start().await;
    let token = idp
        .user("alice")
        .audience("service-a")
        .scope("orders:read")
        .scope("x")
        .mint();
    let (header, claims) = (header_of(&token), claims_of(&token));
    assert_eq!(
        header,
        json!({ "typ": "at+jwt", "alg": "RS256", "kid": idp.kid() })
    );
    let iat = claims["iat"].as_i64().unwrap();
    let expected = json!({
        "iss": idp.issuer(), "sub": "alice", "aud": "service-a", "client_id": "test-app",
        "scope": "orders:read x", "iat": iat, "exp": iat + 300, "jti": claims["jti"],
    });
    assert_eq!(claims, expected);
    let service = claims_of(&idp.service("service-a").mint());
    assert_eq!(
        (&service["sub"], &service["client_id"]),
        (&"service-a".into(), &"service-a".into())
    );
}

/// AT-13
#[tokio::test]
async fn id_token_lacks_access_claims() {
    let idp = TestIdp::start().await;
    let token = idp.id_token("alice", "app").mint();
    let claims = claims_of(&token);
    assert_eq!(
        (&header_of(&token)["typ"], &claims["aud"]),
        (&"JWT".into(), &"app".into())
    );
    assert!(claims["nonce"].is_string());
    let unmarked = claims_of(&idp.id_token("alice", "app").without("nonce").mint());
    assert!(unmarked.get("nonce").is_none());
    assert!(
        ["client_id", "scope", "jti"]
            .iter()
            .all(|name| claims.get(name).is_none())
    );
}

#[tokio::test]
async fn any_token_part_can_be_changed() {
    let idp = TestIdp::start().await;
    let token = idp
        .user("alice")
        .audience("a")
        .audience("b")
        .client_id("app")
        .expires_in(-5)
        .issued_at(-100)
        .not_before(-50)
        .issuer("https://idp.example")
        .claim("iss2", json!({ "deep": [1] }))
        .without("jti")
        .actor("first")
        .actor("second")
        .may_act(json!({ "sub": "x" }))
        .typ(None)
        .kid(Some("k"))
        .header("jku", "https://evil.example")
        .mint();
    let claims = claims_of(&token);
    let iat = claims["iat"].as_i64().unwrap();
    let expected = json!({
        "iss": "https://idp.example", "sub": "alice", "aud": ["a", "b"], "client_id": "app", "iss2": { "deep": [1] },
        "iat": iat, "nbf": iat + 50, "exp": iat + 95,
        "act": { "sub": "second", "act": { "sub": "first" } }, "may_act": { "sub": "x" },
    });
    assert_eq!(claims, expected);
    assert_eq!(
        header_of(&token),
        json!({ "alg": "RS256", "kid": "k", "jku": "https://evil.example" })
    );
}

#[tokio::test]
async fn foreign_key_keeps_server_kid() {
    let idp = TestIdp::start().await;
    let token = idp
        .user("alice")
        .sign_with(&TestKey::generate(TestAlg::Rs256))
        .mint();
    assert_eq!(header_of(&token)["kid"], idp.kid());
    let other_alg = idp
        .user("alice")
        .sign_with(&TestKey::generate(TestAlg::Es256))
        .mint();
    assert_eq!(header_of(&other_alg)["alg"], "ES256");
}

#[tokio::test]
async fn each_token_has_its_own_jti() {
    let idp = TestIdp::start().await;
    let alice = idp.user("alice");
    assert_ne!(
        claims_of(&alice.mint())["jti"],
        claims_of(&alice.mint())["jti"]
    );
    assert_eq!(alice.claims()["sub"], "alice");
}
