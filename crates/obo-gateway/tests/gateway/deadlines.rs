//! Deadlines of gRPC calls (`grpc-timeout`).

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Response;
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::fast::fast;
use crate::world::{Got, World};

async fn call(world: &World, timeout: &str, kind: &str) -> Got {
    Got::of(start(world, timeout, kind).await).await
}

/// Calls and returns the head of the response.
async fn start(world: &World, timeout: &str, kind: &str) -> Response<Incoming> {
    let request = world
        .request("POST", "/stock.Stock/Level")
        .header("content-type", kind)
        .header("grpc-timeout", timeout)
        .body(Body::from(Bytes::from_static(&[0; 5])));
    world.http2.request(request.unwrap()).await.unwrap()
}

const GRPC: &str = "application/grpc";

#[tokio::test]
async fn call_ends_at_caller_deadline() {
    let world = World::start().await;
    assert_eq!(call(&world, "1M", GRPC).await.status, 200);
    for kind in [GRPC, "application/grpc-web"] {
        let started = Instant::now();
        world.upstream.will(|_| std::future::pending());
        let got = fast(call(&world, "15000m", kind)).await;
        assert_eq!((got.status, got.field("grpc-status")), (200, "4"), "{kind}");
        let waited = started.elapsed();
        assert!(waited >= Duration::from_secs(15) && waited < Duration::from_secs(25));
    }
}

#[tokio::test]
async fn response_ends_at_deadline_too() {
    let world = World::start().await;
    assert_eq!(call(&world, "1M", GRPC).await.status, 200);
    world.upstream.will(|_| async {
        let message = Frame::data(Bytes::from_static(&[0; 5]));
        let frames = stream::iter([Ok::<_, std::io::Error>(message)]).chain(stream::pending());
        Response::builder()
            .header("content-type", GRPC)
            .body(Body::new(StreamBody::new(frames)))
            .unwrap()
    });
    let started = Instant::now();
    let response = start(&world, "15S", GRPC).await;
    let got = fast(Got::of(response)).await;
    assert_eq!(got.body.len(), 5);
    assert_eq!(got.trailers["grpc-status"], "4");
    assert!(started.elapsed() < Duration::from_secs(25));
}

#[tokio::test]
async fn upstream_gets_remaining_time() {
    let world = World::start().await;
    call(&world, "1M", GRPC).await;
    let seen = world.upstream.only();
    let timeout = seen.headers["grpc-timeout"].to_str().unwrap();
    // Milliseconds are the finest unit that fits.
    let left: u64 = timeout.strip_suffix('u').unwrap().parse().unwrap();
    assert!(left > 10_000_000 && left < 60_000_000, "{timeout}");
}

#[tokio::test]
async fn malformed_timeout_is_rejected() {
    let world = World::start().await;
    for timeout in ["", "1", "1s", "S", "-1S", "1.5S", "123456789S"] {
        let got = call(&world, timeout, GRPC).await;
        assert_eq!(got.field("grpc-status"), "13", "{timeout:?}");
    }
    assert!(world.upstream.seen().is_empty());
    // Without gRPC, it is a field like any other.
    let request = world
        .request("GET", "/orders/1")
        .header("grpc-timeout", "x");
    let got = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(got.status, 200);
}
