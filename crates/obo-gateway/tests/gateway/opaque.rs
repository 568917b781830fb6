//! Callers whose tokens are introspected (RFC 7662).

use http::header;
use obo_examples::stock::Sku;
use obo_examples::stock::stock_client::StockClient;
use obo_testkit::{Endpoint, Fault};
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::world::World;

const INVALID: &str = r#"Bearer error="invalid_token""#;

/// The gateway introspects as its own client.
async fn introspecting(how: &str) -> World {
    let issuer = format!(r#"{{ issuer = "IDP", introspection = {{ {how} }} }}"#);
    World::trusting(&issuer).await
}

/// TX-37
#[tokio::test]
async fn opaque_token_responds_like_jwt() {
    let (introspecting, reading) = (introspecting("").await, World::start().await);
    let mut responses = Vec::new();
    for (world, is_opaque) in [
        (&reading, false),
        (&introspecting, true),
        (&introspecting, false),
    ] {
        let token = world.alice().actor("svc-z").actor("svc-a");
        let token = token.claim("exp", 9_000_000_000_u64);
        let token = match is_opaque {
            true => token.mint_opaque(),
            false => token.mint(),
        };
        let got = world.get(&token, "/protected").await;
        assert_eq!(got.status, 200);
        let body = String::from_utf8(got.body.to_vec()).unwrap();
        responses.push(body.replace(world.idp.issuer(), "IDP"));
    }
    assert!(responses[0].contains(r#""sub":"alice""#), "{responses:?}");
    assert_eq!(responses[1], responses[0]);
    assert_eq!(responses[2], responses[0]);
    // Over HTTP/1.1 and HTTP/2, each token is introspected once.
    assert_eq!(introspecting.idp.introspection_requests(), 2);
}

#[tokio::test]
async fn rules_use_introspected_claims() {
    let world = introspecting("").await;
    let alice = world.alice().mint_opaque();
    let wider = world.alice().scope("list:orders").mint_opaque();
    let acted = world.alice().actor("svc-c").mint_opaque();
    let scoped = r#"Bearer error="insufficient_scope", scope="list:orders read:orders""#;
    let refused = r#"Bearer error="insufficient_scope""#;
    for (token, path, status, challenge) in [
        (&alice, "/scoped", 403, scoped),
        (&wider, "/scoped", 200, ""),
        (&alice, "/protected", 200, ""),
        (&alice, "/any-actor", 403, refused),
        (&acted, "/any-actor", 200, ""),
        (&acted, "/protected", 403, refused),
        (&alice, "/nowhere", 404, ""),
    ] {
        let got = world.get(token, path).await;
        let refusal = (got.status, got.field("www-authenticate"));
        assert_eq!(refusal, (status, challenge), "{path}");
    }
    assert_eq!(world.idp.introspection_requests(), 3);
}

/// TX-38
#[tokio::test]
async fn opaque_token_is_exchanged() {
    let world = introspecting("").await;
    let token = world.alice().mint_opaque();
    for _ in 0..2 {
        let request = world.request_with(&token, "POST", "/orders/1");
        let got = world.send(request.body("order".into()).unwrap()).await;
        assert_eq!((got.status, &*got.body), (200, &b"order"[..]));
    }
    for seen in world.upstream.seen() {
        let claims = seen.claims();
        assert_eq!(
            (&claims["sub"], &claims["aud"], &claims["act"]["sub"]),
            (&"alice".into(), &"service-b".into(), &"service-a".into())
        );
        let headers = format!("{:?}", seen.headers);
        assert!(!headers.contains(&token), "{headers}");
    }
    let requests = world.idp.requests();
    let mut exchanged = requests
        .iter()
        .filter(|it| it.endpoint == Some(Endpoint::Token));
    assert_eq!(
        exchanged.next().unwrap().param("subject_token"),
        Some(&*token)
    );
    assert!(exchanged.next().is_none());
    assert_eq!(world.idp.introspection_requests(), 1);
}

/// IN-04
#[tokio::test]
async fn inactive_token_is_401() {
    let world = introspecting("").await;
    let revoked = world.alice().mint_opaque();
    world.idp.revoke(&revoked);
    let expired = world.alice().expires_in(-120).mint_opaque();
    let elsewhere = world.idp.user("alice").audience("service-b").mint_opaque();
    for token in [&revoked, &expired, &elsewhere, "forged"] {
        for path in ["/protected", "/orders/1", "/nowhere"] {
            let got = world.get(token, path).await;
            let refusal = (got.status, got.field("www-authenticate"));
            assert_eq!(refusal, (401, INVALID), "{path}");
            assert!(got.body.is_empty());
            let call = world.call(token, path).await;
            assert_eq!((call.status, call.field("grpc-status")), (200, "16"));
            assert_eq!(call.field("www-authenticate"), INVALID);
        }
    }
    assert!(world.upstream.seen().is_empty());
    assert_eq!(world.idp.token_requests(), 0);
    // A rejection is cached too.
    assert_eq!(world.idp.introspection_requests(), 4);
}

/// IN-02, BT-18
#[tokio::test]
async fn failing_introspection_is_503() {
    for (fault, retry_after) in [
        (Fault::Status(500), "1"),
        (Fault::Status(401), "1"),
        (Fault::RetryAfter(503, "7".to_owned()), "7"),
        (Fault::RetryAfter(429, "7".to_owned()), "7"),
        (Fault::Body("<html>".to_owned()), "1"),
    ] {
        let world = introspecting("").await;
        let token = world.alice().mint_opaque();
        world.idp.fault(Endpoint::Introspection, fault);
        for path in ["/protected", "/orders/1"] {
            let got = world.get(&token, path).await;
            assert_eq!((got.status, got.field("www-authenticate")), (503, ""));
            assert_eq!(got.field(header::RETRY_AFTER.as_str()), retry_after);
        }
        let call = world.call(&token, "/stock.Stock/Level").await;
        assert_eq!((call.status, call.field("grpc-status")), (200, "14"));
        assert_eq!(world.idp.token_requests(), 0);
        assert!(world.upstream.seen().is_empty());
    }
}

/// BT-18
#[tokio::test]
async fn unreachable_introspection_is_503() {
    let world = introspecting(r#"endpoint = "CLOSED/introspect""#).await;
    let got = world.get("opaque", "/protected").await;
    assert_eq!((got.status, got.field("www-authenticate")), (503, ""));
    assert_eq!(got.field("retry-after"), "1");
    assert_eq!(world.idp.requests().len(), 0);
}

/// IN-08
#[tokio::test]
async fn each_mode_introspects_its_kind() {
    // The responses for a JWT and an opaque token, and the number of introspection requests.
    for (mode, jwt, opaque) in [
        ("all_tokens", (200, 1), (200, 1)),
        ("opaque_tokens", (200, 0), (200, 1)),
        ("revocation", (200, 1), (401, 0)),
    ] {
        let world = introspecting(&format!(r#"for = "{mode}""#)).await;
        for (token, (status, calls)) in [
            (world.alice().mint(), jwt),
            (world.alice().mint_opaque(), opaque),
        ] {
            let before = world.idp.introspection_requests();
            let got = world.get(&token, "/protected").await;
            assert_eq!(got.status, status, "{mode}");
            let calls_made = world.idp.introspection_requests() - before;
            assert_eq!(calls_made, calls, "{mode}");
        }
        let revoked = world.alice().mint();
        world.idp.revoke(&revoked);
        let expected = match mode {
            "opaque_tokens" => (200, ""),
            _ => (401, INVALID),
        };
        let got = world.get(&revoked, "/protected").await;
        assert_eq!(
            (got.status, got.field("www-authenticate")),
            expected,
            "{mode}"
        );
    }
}

#[tokio::test]
async fn issuer_may_have_own_client() {
    let other = obo_testkit::TestIdp::start().await;
    let client = r#"client = { id = "gateway-a", client_secret_post = "other-s3cret" }"#;
    let world = World::trusting(&format!(
        r#"{{ issuer = "{}" }}, {{ issuer = "IDP", introspection = {{ {client} }} }}"#,
        other.issuer()
    ))
    .await;
    let client = world.idp.client("gateway-a").secret("other-s3cret");
    client.may_introspect("service-a");
    let bob = other.user("bob").audience("service-a").mint();
    let got = world.get(&bob, "/protected").await;
    assert_eq!((got.status, &got.json()["sub"]), (200, &"bob".into()));
    let got = world.get(&world.alice().mint_opaque(), "/protected").await;
    assert_eq!((got.status, &got.json()["sub"]), (200, &"alice".into()));
    let counts = (
        world.idp.introspection_requests(),
        other.introspection_requests(),
    );
    assert_eq!(counts, (1, 0));
}

#[tokio::test]
async fn generated_client_sees_the_code() {
    let world = introspecting("").await;
    let channel = Channel::from_shared(format!("http://{}", world.address)).unwrap();
    let mut client = StockClient::new(channel.connect_lazy());
    let level = |token: &str| {
        let mut request = Request::new(Sku { id: "tea".into() });
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    };
    let token = world.alice().mint_opaque();
    world.upstream.will(|_| async {
        let status = tonic::Status::not_found("no tea");
        status.into_http::<axum::body::Body>()
    });
    let status = client.level(level(&token)).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "no tea")
    );
    assert_eq!(world.upstream.only().claims()["sub"], "alice");

    let status = client.level(level("forged")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    world.idp.fault(Endpoint::Introspection, Fault::Status(500));
    let unknown = world.alice().mint_opaque();
    let status = client.level(level(&unknown)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(world.upstream.seen().len(), 1);
}
