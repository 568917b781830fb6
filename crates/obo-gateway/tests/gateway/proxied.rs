//! Requests that reach the upstream, and calls that are not made.

use axum::body::Body;
use axum::response::Response;
use http::{StatusCode, Version};
use obo_testkit::{Endpoint, Fault};
use serde_json::json;

use crate::upstream::read;
use crate::world::World;

#[tokio::test]
async fn request_goes_on_behalf_of_caller() {
    let world = World::start().await;
    let request = world
        .request("PATCH", "/orders/7/lines?b=2&a=%20x")
        .header("content-type", "text/plain")
        .header("x-trace", "1")
        .header("x-trace", "2")
        .header("cookie", "a=b")
        .body(Body::from("more"));
    world.upstream.will(|request| async {
        let response = http::Response::builder()
            .status(StatusCode::ACCEPTED)
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2");
        let body = read(request.into_body()).await;
        response.body(Body::from(body)).unwrap()
    });
    let got = world.send(request.unwrap()).await;
    assert_eq!((got.status, &*got.body), (202, &b"more"[..]));
    assert_eq!(got.headers.get_all("set-cookie").iter().count(), 2);

    let seen = world.upstream.only();
    assert_eq!(seen.method, "PATCH");
    assert_eq!(seen.uri, "/base/7/lines?b=2&a=%20x");
    assert_eq!(seen.version, Version::HTTP_11);
    let traces: Vec<_> = seen.headers.get_all("x-trace").iter().collect();
    assert_eq!(traces, ["1", "2"]);
    assert_eq!(seen.headers["cookie"], "a=b");
    assert_eq!(seen.headers["content-length"], "4");
    assert_eq!(seen.headers["via"], "1.1 obo-gateway");
    let claims = seen.claims();
    assert_eq!(claims["aud"], "service-b");
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["act"]["sub"], "service-a");
    assert_eq!(claims["scope"], "b.read");
}

#[tokio::test]
async fn token_is_reused_per_caller() {
    let world = World::start().await;
    let (alice, bob) = (
        world.alice().mint(),
        world.idp.user("bob").audience("service-a").mint(),
    );
    for token in [&alice, &alice, &bob] {
        assert_eq!(world.get(token, "/plain/x").await.status, 200);
    }
    assert_eq!(world.idp.token_requests(), 2);
    let subjects: Vec<_> = world
        .upstream
        .seen()
        .iter()
        .map(|seen| seen.claims()["sub"].clone())
        .collect();
    assert_eq!(subjects, ["alice", "alice", "alice", "alice", "bob", "bob"]);
}

#[tokio::test]
async fn rule_is_checked_before_sending() {
    let world = World::start().await;
    let bob = world.idp.user("bob").audience("service-a").mint();
    assert_eq!(world.get(&bob, "/orders/1").await.status, 403);
    assert_eq!(
        world.call(&bob, "/orders/1").await.field("grpc-status"),
        "7"
    );
    assert_eq!(world.idp.token_requests(), 0);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn head_response_keeps_length() {
    let world = World::start().await;
    for (path, fields, length) in [
        ("/orders/a", &[("content-length", "1234")][..], "1234"),
        ("/orders/b", &[][..], ""),
    ] {
        world.upstream.will_say(200, fields);
        let request = world.request("HEAD", path).body(Body::empty());
        let got = world.send(request.unwrap()).await;
        // The stub's HTTP server adds this field.
        assert_eq!((got.status, got.body.len()), (200, 0));
        if !length.is_empty() {
            assert_eq!(got.field("content-length"), length);
        }
    }
    world.upstream.will_say(304, &[("etag", "\"x\"")]);
    let got = world
        .send(
            world
                .request("GET", "/orders/c")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!((got.status, got.field("etag")), (304, "\"x\""));
}

#[tokio::test]
async fn token_echoing_method_is_rejected() {
    let world = World::start().await;
    for method in ["TRACE", "CONNECT"] {
        let authorization = format!("authorization: Bearer {}", world.alice().mint());
        let head = format!(
            "{method} /orders/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{authorization}\r\n\r\n"
        );
        let got = world.raw(&head).await;
        let is_refused = ["HTTP/1.1 405 ", "HTTP/1.1 400 "]
            .iter()
            .any(|start| got.starts_with(start));
        assert!(is_refused, "{method}: {got}");
    }
    assert!(world.upstream.seen().is_empty());
}

/// The responses for a failed exchange, over HTTP and gRPC.
async fn assert_told(world: &World, path: &str, status: u16, challenge: &str, code: &str) {
    let token = world.alice().mint();
    let got = world.get(&token, path).await;
    assert_eq!(
        (got.status, got.field("www-authenticate")),
        (status, challenge),
        "{path}"
    );
    assert_eq!(
        got.headers.contains_key("retry-after"),
        status == 503,
        "{path}"
    );
    let got = world.call(&token, path).await;
    assert_eq!(
        (got.status, got.field("grpc-status")),
        (200, code),
        "{path}"
    );
    assert_eq!(got.field("www-authenticate"), challenge, "{path}");
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn failed_exchange_maps_by_class() {
    let world = World::start().await;
    assert_told(&world, "/denied/1", 403, "", "7").await;

    // The authorization server reports that alice's token has expired.
    let world = World::start().await;
    world.idp.set_clock_offset(400);
    let invalid = r#"Bearer error="invalid_token""#;
    assert_told(&world, "/orders/1", 401, invalid, "16").await;

    let world = World::start().await;
    world.idp.client("service-a").secret("another");
    assert_told(&world, "/orders/1", 500, "", "13").await;

    let world = World::start().await;
    let no_token = r#"{ "error": "x" }"#.to_owned();
    world.idp.fault(Endpoint::Token, Fault::Body(no_token));
    assert_told(&world, "/orders/1", 502, "", "13").await;

    let world = World::start().await;
    let later = Fault::RetryAfter(429, "60".to_owned());
    world.idp.fault(Endpoint::Token, later);
    assert_told(&world, "/orders/1", 503, "", "14").await;

    let world = World::start().await;
    world.get(&world.alice().mint(), "/protected").await;
    world.idp.stop();
    assert_told(&world, "/orders/1", 503, "", "14").await;
}

#[tokio::test]
async fn issuer_step_up_is_passed_on() {
    let world = World::start().await;
    let issuer = world.other_issuer.clone();
    world.upstream.will_answer(
        200,
        json!({
            "issuer": issuer,
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
        }),
    );
    world.upstream.will_answer(
        400,
        json!({
            "error": "insufficient_user_authentication",
            "acr_values": "gold",
        }),
    );
    let request = world.request("GET", "/elsewhere/1").body(Body::empty());
    let got = world.send(request.unwrap()).await;
    let challenge = r#"Bearer error="insufficient_user_authentication", acr_values="gold""#;
    assert_eq!(
        (got.status, got.field("www-authenticate")),
        (401, challenge)
    );
    let call = world.call(&world.alice().mint(), "/elsewhere/1").await;
    assert_eq!(call.status, 200);
    let reached = world.upstream.seen();
    assert!(
        reached.iter().all(|seen| seen.uri.path() != "/1"),
        "{reached:?}"
    );
}

#[tokio::test]
async fn unreachable_upstream_is_502() {
    let world = World::start().await;
    let token = world.alice().mint();
    let got = world.get(&token, "/closed/1").await;
    assert_eq!((got.status, got.body.len()), (502, 0));
    assert_eq!(
        world.call(&token, "/closed/1").await.field("grpc-status"),
        "14"
    );
}

#[tokio::test]
async fn silent_upstream_is_504() {
    let world = World::start().await;
    let token = world.alice().mint();
    for _ in 0..3 {
        world.upstream.will(|_| std::future::pending::<Response>());
    }
    assert_eq!(world.get(&token, "/impatient/1").await.status, 504);
    assert_eq!(
        world
            .call(&token, "/impatient/1")
            .await
            .field("grpc-status"),
        "4"
    );
}

#[tokio::test]
async fn protocol_switch_by_upstream_is_502() {
    let world = World::start().await;
    world
        .upstream
        .will_say(101, &[("connection", "upgrade"), ("upgrade", "x")]);
    let request = world.request("GET", "/orders/1").body(Body::empty());
    assert_eq!(world.send(request.unwrap()).await.status, 502);
}
