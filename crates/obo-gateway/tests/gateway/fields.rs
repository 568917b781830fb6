//! Fields of one connection are not forwarded.

use axum::body::Body;

use crate::world::World;

#[tokio::test]
async fn hop_by_hop_fields_are_dropped() {
    let world = World::start().await;
    let request = world
        .request("GET", "/orders/1")
        .header("connection", "close, X-Hop , , x-other")
        .header("connection", "x-third, authorization")
        .header("x-hop", "1")
        .header("x-other", "1")
        .header("x-third", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-authorization", "Basic eDp5")
        .header("proxy-connection", "keep-alive")
        .header("proxy-anything", "1")
        .header("te", "trailers, gzip")
        .header("trailer", "x-later")
        .header("upgrade", "websocket")
        .header("x-passed", "1")
        .header("x-forwarded-for", "192.0.2.1")
        .body(Body::empty());
    world.upstream.will_say(
        200,
        &[
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "x"),
            ("trailer", "x-later"),
            ("x-passed", "1"),
        ],
    );
    let got = world.send(request.unwrap()).await;
    assert_eq!(got.status, 200);
    let seen = world.upstream.only();
    let mut sent: Vec<_> = seen.headers.keys().map(|name| name.as_str()).collect();
    sent.sort_unstable();
    assert_eq!(
        sent,
        [
            "authorization",
            "forwarded",
            "host",
            "traceparent",
            "via",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-passed"
        ]
    );
    let mut back: Vec<_> = got.headers.keys().map(|name| name.as_str()).collect();
    back.sort_unstable();
    // The last field belongs to this connection.
    assert_eq!(back, ["connection", "content-length", "date", "x-passed"]);
    assert_eq!(got.field("connection"), "close");
}

#[tokio::test]
async fn caller_token_is_never_forwarded() {
    let world = World::start().await;
    let token = world.alice().mint();
    let got = world.get(&token, "/orders/1").await;
    assert_eq!(got.status, 200);
    for seen in world.upstream.seen() {
        assert_eq!(seen.headers.get_all("authorization").iter().count(), 1);
        let is_in =
            |value: &http::HeaderValue| value.to_str().is_ok_and(|text| text.contains(&token));
        assert!(!seen.headers.values().any(is_in), "{seen:?}");
    }
}

#[tokio::test]
async fn te_trailers_is_for_calls_only() {
    let world = World::start().await;
    world.call(&world.alice().mint(), "/orders/1").await;
    assert_eq!(world.upstream.only().headers["te"], "trailers");
}

#[tokio::test]
async fn cookies_are_joined_for_http1() {
    let world = World::start().await;
    let request = world
        .request("GET", "/orders/1")
        .header("cookie", "a=1")
        .header("cookie", "b=2; c=3")
        .body(Body::empty());
    world.http2.request(request.unwrap()).await.unwrap();
    let seen = world.upstream.only();
    let lines: Vec<_> = seen.headers.get_all("cookie").iter().collect();
    assert_eq!(lines, ["a=1; b=2; c=3"]);
}

#[tokio::test]
async fn caller_claims_never_reach_upstream() {
    let world = World::start().await;
    for client in [&world.http1, &world.http2] {
        let mut request = world.request("GET", "/orders/1");
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-user",
            "x-real-ip",
            "x-original-url",
            "x-rewrite-url",
            "x-http-method-override",
            "x-auth-request-user",
            "x-remote-user",
            "x_user",
            "client-cert",
        ] {
            request = request.header(name, "evil.example");
        }
        let request = request.body(Body::empty()).unwrap();
        assert_eq!(client.request(request).await.unwrap().status(), 200);
    }
    for seen in world.upstream.seen() {
        assert!(
            !seen.headers.values().any(|value| value == "evil.example"),
            "{seen:?}"
        );
        assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.1");
        assert_eq!(seen.headers["forwarded"], "for=127.0.0.1;proto=http");
    }
}

#[tokio::test]
async fn upstream_gets_its_own_host() {
    let world = World::start().await;
    let token = world.alice().mint();
    let got = world
        .raw(&format!(
            "GET /orders/1 HTTP/1.1\r\nhost: evil.example\r\nconnection: close, host\r\n\
             authorization: Bearer {token}\r\n\r\n"
        ))
        .await;
    assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    let call = world.request_with(&token, "POST", "/stock.Stock/Level");
    let call = call
        .header("content-type", "application/grpc")
        .header("host", "evil.example")
        .body(Body::empty());
    world.http2.request(call.unwrap()).await.unwrap();
    for seen in world.upstream.seen() {
        let host = seen.headers.get("host").map(|host| host.to_str().unwrap());
        let host = host.or(seen.uri.authority().map(|authority| authority.as_str()));
        assert_eq!(host, world.upstream_url.strip_prefix("http://"), "{seen:?}");
        let is_evil = |value: &http::HeaderValue| value.to_str().unwrap().contains("evil");
        assert!(!seen.headers.values().any(is_evil), "{seen:?}");
    }
}

#[tokio::test]
async fn cookies_can_be_stripped() {
    let world = World::configured("[headers]\ncookies = \"strip\"\n").await;
    world.upstream.will_say(200, &[("set-cookie", "a=1")]);
    let request = world.request("GET", "/orders/1").header("cookie", "a=1");
    let got = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((got.status, got.field("set-cookie")), (200, ""));
    assert!(!world.upstream.only().headers.contains_key("cookie"));
}
