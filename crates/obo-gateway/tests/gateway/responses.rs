//! Routes without an upstream, and their rules.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn response_reports_token_claims() {
    let world = World::start().await;
    let token = world.alice().actor("svc-z").actor("svc-a");
    let exp = token.claims()["exp"].clone();
    let got = world.get(&token.mint(), "/protected").await;
    assert_eq!(got.status, 200);
    assert_eq!(got.field("content-type"), "application/json");
    let mut claims = got.json();
    let expires = claims["exp"].take().as_i64().unwrap();
    assert!((expires - exp.as_i64().unwrap()).abs() <= 1);
    let issuer = world.idp.issuer();
    assert_eq!(
        claims,
        json!({
            "iss": issuer,
            "sub": "alice",
            "kind": "user",
            "actor": { "iss": issuer, "sub": "svc-a" },
            "prior_actors": ["svc-z"],
            "client_id": "alices-app",
            "scope": "read:orders",
            "aud": ["service-a"],
            "exp": null,
        })
    );
    let service = world.idp.service("batch").audience("service-a").mint();
    let claims = world.get(&service, "/protected").await.json();
    assert_eq!(
        (&claims["kind"], &claims["actor"]),
        (&json!("service"), &json!(null))
    );
}

#[tokio::test]
async fn every_method_gets_a_response() {
    let world = World::start().await;
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let request = world.request(method, "/protected");
        let got = world.send(request.body("ignored".into()).unwrap()).await;
        assert_eq!(got.status, 200, "{method}");
        assert_eq!(got.body.is_empty(), method == "HEAD", "{method}");
    }
}

#[tokio::test]
async fn actor_rule_needs_a_listed_actor() {
    let world = World::start().await;
    let acted_by = |actor: Option<&str>| match actor {
        None => world.alice().mint(),
        Some(actor) => world.alice().actor(actor).mint(),
    };
    let of_other = |iss: &str, sub: &str| {
        let act = json!({ "iss": iss, "sub": sub });
        world.alice().claim("act", act).mint()
    };
    for (token, protected, acted, any) in [
        (acted_by(None), 200, 403, 403),
        (acted_by(Some("svc-a")), 200, 200, 200),
        (acted_by(Some("svc-b")), 200, 403, 200),
        (acted_by(Some("svc-c")), 403, 403, 200),
        // Prior actors have no effect.
        (
            world.alice().actor("svc-a").actor("svc-c").mint(),
            403,
            403,
            200,
        ),
        (of_other("https://other.example", "svc-x"), 200, 403, 200),
        (of_other("https://other.example", "svc-a"), 403, 403, 200),
        (acted_by(Some("svc-x")), 403, 403, 200),
    ] {
        for (path, expected) in [
            ("/protected", protected),
            ("/acted", acted),
            ("/any-actor", any),
        ] {
            let got = world.get(&token, path).await;
            assert_eq!(got.status, expected, "{path}");
            let challenge = match expected {
                403 => r#"Bearer error="insufficient_scope""#,
                _ => "",
            };
            assert_eq!(got.field("www-authenticate"), challenge, "{path}");
        }
    }
}

/// TX-28
#[tokio::test]
async fn foreign_actor_needs_named_issuer() {
    let one = World::start().await;
    let two = r#"{ issuer = "IDP" }, { issuer = "UPSTREAM/idp" }"#;
    let two = World::trusting(two).await;
    for (world, protected, any) in [(one, 200, 200), (two, 403, 403)] {
        let act = json!({ "iss": "https://other.example", "sub": "svc-x" });
        let token = world.alice().claim("act", act).mint();
        for (path, expected) in [
            ("/partners", 200),
            ("/protected", protected),
            ("/any-actor", any),
        ] {
            assert_eq!(world.get(&token, path).await.status, expected, "{path}");
        }
        let own = world.alice().actor("svc-x").mint();
        assert_eq!(world.get(&own, "/partners").await.status, 403);
        assert_eq!(world.get(&own, "/any-actor").await.status, 200);
    }
}

#[tokio::test]
async fn scope_rule_requires_and_names_all() {
    let world = World::start().await;
    let got = world.get(&world.alice().mint(), "/scoped").await;
    assert_eq!(got.status, 403);
    let challenge = r#"Bearer error="insufficient_scope", scope="list:orders read:orders""#;
    assert_eq!(got.field("www-authenticate"), challenge);
    let token = world.alice().scope("list:orders").mint();
    assert_eq!(world.get(&token, "/scoped").await.status, 200);
}

#[tokio::test]
async fn routes_are_hidden_without_token() {
    let world = World::start().await;
    let other = world.idp.user("alice").audience("another-service").mint();
    for path in ["/protected", "/orders/1", "/nowhere"] {
        let got = world.get(&other, path).await;
        let challenge = r#"Bearer error="invalid_token""#;
        assert_eq!(
            (got.status, got.field("www-authenticate")),
            (401, challenge),
            "{path}"
        );
        let call = world.call(&other, path).await;
        assert_eq!(
            (call.status, call.field("grpc-status")),
            (200, "16"),
            "{path}"
        );
    }
    assert!(world.upstream.seen().is_empty());
    let got = world.get(&world.alice().mint(), "/nowhere").await;
    assert_eq!(got.status, 404);
}

#[tokio::test]
async fn grpc_calls_get_grpc_status() {
    let world = World::start().await;
    let alice = world.alice().mint();
    let refused = world.alice().actor("svc-c").mint();
    for (token, path, code) in [
        (&alice, "/protected", "12"),
        (&alice, "/nowhere", "12"),
        (&alice, "/scoped", "7"),
        (&refused, "/protected", "7"),
    ] {
        let got = world.call(token, path).await;
        assert_eq!(
            (got.status, got.field("grpc-status")),
            (200, code),
            "{path}"
        );
        assert_eq!(
            got.field("content-type"),
            "application/grpc+proto",
            "{path}"
        );
        assert!(got.body.is_empty());
    }
}
