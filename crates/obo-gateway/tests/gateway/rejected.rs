//! Upstreams that reject the exchanged token.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::StreamBody;

use crate::world::World;

const INVALID: &[(&str, &str)] = &[("www-authenticate", r#"Bearer error="invalid_token""#)];

fn order(world: &World) -> http::Request<Body> {
    let request = world.request("POST", "/orders/1");
    request.body("order".into()).unwrap()
}

#[tokio::test]
async fn rejected_token_is_replaced() {
    let world = World::start().await;
    world.upstream.will_say(401, INVALID);
    let got = world.send(order(&world)).await;
    assert_eq!((got.status, &*got.body), (200, &b"order"[..]));
    let seen = world.upstream.seen();
    assert_eq!(seen.len(), 2);
    assert_ne!(
        seen[0].headers["authorization"],
        seen[1].headers["authorization"]
    );
    assert_eq!(seen[0].headers["via"], seen[1].headers["via"]);
    assert_eq!(world.idp.token_requests(), 2);
}

#[tokio::test]
async fn second_rejection_is_502() {
    let world = World::start().await;
    for _ in 0..2 {
        world.upstream.will_say(401, INVALID);
    }
    let got = world.send(order(&world)).await;
    assert_eq!((got.status, got.field("www-authenticate")), (502, ""));
    assert_eq!(world.upstream.seen().len(), 2);
}

#[tokio::test]
async fn large_request_is_not_replayed() {
    let world = World::start().await;
    world.upstream.will_say(401, INVALID);
    let request = world.request("POST", "/orders/1");
    let request = request.body(vec![b'x'; 65 * 1024].into());
    assert_eq!(world.send(request.unwrap()).await.status, 502);
    assert_eq!(world.upstream.seen().len(), 1);

    // A body in several pieces is kept too.
    world.upstream.will_say(401, INVALID);
    let pieces = ["or", "der"]
        .map(|piece| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(piece))));
    let body = Body::new(StreamBody::new(futures_util::stream::iter(pieces)));
    let request = world.request("POST", "/orders/1").body(body);
    let got = world.send(request.unwrap()).await;
    assert_eq!((got.status, &*got.body), (200, &b"order"[..]));
}

#[tokio::test]
async fn upstream_step_up_is_passed_on() {
    let world = World::start().await;
    let step_up = r#"Bearer realm="b", error="insufficient_user_authentication", acr_values="gold", max_age="60""#;
    world
        .upstream
        .will_say(401, &[("www-authenticate", step_up)]);
    let got = world.send(order(&world)).await;
    let own = r#"Bearer error="insufficient_user_authentication", acr_values="gold", max_age="60""#;
    assert_eq!((got.status, got.field("www-authenticate")), (401, own));
    world
        .upstream
        .will_say(200, &[("grpc-status", "16"), ("www-authenticate", step_up)]);
    let got = world.call(&world.alice().mint(), "/orders/1").await;
    assert_eq!((got.status, got.field("grpc-status")), (200, "16"));
    assert_eq!(got.field("www-authenticate"), own);
    assert_eq!(world.upstream.seen().len(), 2);
}

#[tokio::test]
async fn insufficient_scope_hides_challenge() {
    let world = World::start().await;
    let needed = r#"Bearer error="insufficient_scope", scope="b.write""#;
    world
        .upstream
        .will_say(403, &[("www-authenticate", needed), ("x-reason", "no")]);
    let got = world.send(order(&world)).await;
    assert_eq!((got.status, got.field("www-authenticate")), (403, ""));
    assert_eq!(got.field("x-reason"), "no");
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn rejected_call_is_internal_error() {
    let world = World::start().await;
    let unauthenticated = [("content-type", "application/grpc"), ("grpc-status", "16")];
    for _ in 0..2 {
        world.upstream.will_say(200, &unauthenticated);
    }
    let got = world
        .call(&world.alice().mint(), "/stock.Stock/Level")
        .await;
    assert_eq!((got.status, got.field("grpc-status")), (200, "13"));
    assert_eq!(world.upstream.seen().len(), 2);

    world.upstream.will(|_| async {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "16".parse().unwrap());
        trailers.insert("grpc-message", "your token".parse().unwrap());
        trailers.insert("www-authenticate", "Bearer".parse().unwrap());
        let frames = [
            http_body::Frame::data(Bytes::from_static(&[0; 5])),
            http_body::Frame::trailers(trailers),
        ];
        let frames = frames.map(Ok::<_, std::io::Error>);
        axum::response::Response::new(Body::new(StreamBody::new(futures_util::stream::iter(
            frames,
        ))))
    });
    let got = world
        .call(&world.alice().mint(), "/stock.Stock/Level")
        .await;
    assert_eq!(&*got.body, &[0; 5]);
    assert_eq!(got.trailers["grpc-status"], "13");
    assert_eq!(got.trailers["grpc-message"], "internal error");
    assert!(!got.trailers.contains_key("www-authenticate"));
}
