//! Streams end when the token of their request expires.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::fast::fast;
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Responds to the next request with one event and no end. The returned future completes when the
/// gateway drops that response.
fn endless(world: &World, content_type: &'static str) -> oneshot::Receiver<()> {
    let (gone, dropped) = oneshot::channel::<()>();
    world.upstream.will(move |_| async move {
        let data = Frame::data(Bytes::from_static(b"\0\0\0\0\0"));
        let frames = stream::iter([Ok::<_, std::io::Error>(data)]).chain(stream::pending());
        let frames = frames.inspect(move |_| {
            let _gone_when_dropped = &gone;
        });
        Response::builder()
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::new(StreamBody::new(frames)))
            .unwrap()
    });
    dropped
}

#[tokio::test]
async fn stream_ends_when_its_token_expires() {
    // This is long before a silent stream ends.
    const LEFT: i64 = 60;
    let world = World::start().await;
    for (content_type, is_http2) in [
        ("text/event-stream", false),
        ("text/event-stream", true),
        ("application/grpc", true),
    ] {
        let token = world.alice().expires_in(LEFT).mint();
        let dropped = endless(&world, content_type);
        let request = world
            .request_with(&token, "POST", "/orders/1")
            .header(header::CONTENT_TYPE, content_type)
            .header(header::TE, "trailers")
            .body(Body::empty());
        let client = if is_http2 { &world.http2 } else { &world.http1 };
        let response = client.request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{content_type}");
        let mut body = response.into_body();
        assert!(body.frame().await.unwrap().is_ok());
        let started = Instant::now();
        let last = fast(body.frame()).await.unwrap();
        if content_type == "application/grpc" {
            let trailers = last.unwrap().into_trailers().unwrap();
            assert_eq!(trailers["grpc-status"], "16");
        } else {
            last.unwrap_err();
        }
        assert!(dropped.await.is_err());
        // The leeway of the issuer's policy is added.
        let waited = started.elapsed();
        assert!(
            waited >= 55 * SECOND && waited <= 150 * SECOND,
            "{content_type}: {waited:?}"
        );
    }
}

#[tokio::test]
async fn public_stream_has_no_expiry() {
    let public = "[[routes]]\npath = \"/news\"\nupstream = \"UPSTREAM\"\npublic = true\n";
    let world = World::configured(public).await;
    let _dropped = endless(&world, "text/event-stream");
    let request = http::Request::get(format!("http://{}/news", world.address));
    let request = request.body(Body::empty()).unwrap();
    let response = world.http1.request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let started = Instant::now();
    // It ends when a silent stream does.
    assert!(fast(response.into_body().collect()).await.is_err());
    assert!(started.elapsed() >= 299 * SECOND);
}
