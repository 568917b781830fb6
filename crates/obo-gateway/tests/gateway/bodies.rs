//! Bodies are streamed in both directions.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::{mpsc, oneshot};

use crate::world::World;

/// A body whose pieces come from a channel.
fn channel() -> (mpsc::UnboundedSender<&'static str>, Body) {
    let (pieces, mut received) = mpsc::unbounded_channel::<&'static str>();
    let frames = stream::poll_fn(move |cx| received.poll_recv(cx));
    let frames = frames.map(|piece| Ok::<_, std::io::Error>(Frame::data(Bytes::from(piece))));
    (pieces, Body::new(StreamBody::new(frames)))
}

async fn piece(
    body: &mut (impl http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Unpin),
) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn pieces_are_streamed_at_once() {
    let world = World::start().await;
    for (client, name) in [(&world.http1, "HTTP/1.1"), (&world.http2, "HTTP/2")] {
        let (pieces, body) = channel();
        let request = world.request("POST", "/orders/1").body(body).unwrap();
        pieces.send("first").unwrap();
        let mut response = client.request(request).await.unwrap().into_body();
        assert_eq!(piece(&mut response).await, "first", "{name}");
        pieces.send("second").unwrap();
        assert_eq!(piece(&mut response).await, "second", "{name}");
        drop(pieces);
        let rest = response.collect().await.unwrap().to_bytes();
        assert!(rest.is_empty(), "{name}: {rest:?}");
    }
}

#[tokio::test]
async fn large_body_passes_both_ways() {
    const PIECE: Bytes = Bytes::from_static(&[7; 64 * 1024]);
    const PIECES: usize = 512;
    let world = World::start().await;
    for client in [&world.http1, &world.http2] {
        let frames = (0..PIECES).map(|_| Ok::<_, std::io::Error>(Frame::data(PIECE)));
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        let request = world.request("PUT", "/orders/1").body(body).unwrap();
        let mut response = client.request(request).await.unwrap().into_body();
        let mut length = 0;
        while let Some(frame) = response.frame().await {
            length += frame.unwrap().into_data().unwrap().len();
        }
        assert_eq!(length, PIECE.len() * PIECES);
    }
}

#[tokio::test]
async fn expect_continue_is_honored() {
    let world = World::start().await;
    let token = world.alice().mint();
    let request = format!(
        "POST /orders/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\
         authorization: Bearer {token}\r\n\r\norder"
    );
    let got = world.raw(&request).await;
    assert!(
        got.contains("HTTP/1.1 200 OK\r\n") && got.ends_with("order"),
        "{got}"
    );
}

#[tokio::test]
async fn broken_request_is_callers_fault() {
    let world = World::start().await;
    let token = world.alice().mint();
    let request = format!(
        "POST /orders/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\
         authorization: Bearer {token}\r\n\r\n3\r\nabc\r\nno size\r\n"
    );
    world.upstream.will(|request| async {
        assert!(request.into_body().collect().await.is_err());
        std::future::pending::<Response>().await
    });
    let got = world.raw(&request).await;
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
}

#[tokio::test]
async fn stalled_request_is_not_awaited() {
    let world = World::start().await;
    let token = world.alice().mint();
    let request = format!(
        "POST /impatient/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\
         authorization: Bearer {token}\r\n\r\nor"
    );
    world.upstream.will(|request| async {
        let _ = request.into_body().collect().await;
        std::future::pending::<Response>().await
    });
    let got = world.raw(&request).await;
    assert!(got.starts_with("HTTP/1.1 408 "), "{got}");
}

#[tokio::test]
async fn length_is_sent_once_without_coding() {
    let world = World::start().await;
    let token = world.alice().mint();
    let chunked = "5\r\norder\r\n0\r\n\r\n";
    for (fields, sent, received) in [
        (
            "content-length: 5\r\ncontent-length: 5",
            "order",
            &["5"][..],
        ),
        ("content-length: 0", "", &["0"]),
        ("transfer-encoding: chunked", chunked, &[]),
        (
            "content-length: 3\r\ntransfer-encoding: chunked",
            chunked,
            &[],
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 3",
            chunked,
            &[],
        ),
    ] {
        let request = format!(
            "POST /orders/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n\
             authorization: Bearer {token}\r\n\r\n{sent}"
        );
        let got = world.raw(&request).await;
        let seen = world.upstream.seen().pop().unwrap();
        let lengths: Vec<_> = seen.headers.get_all("content-length").iter().collect();
        assert_eq!(lengths, received, "{fields}: {got}");
    }
    assert_eq!(world.upstream.seen().len(), 5);
}

#[tokio::test]
async fn ambiguous_request_is_rejected() {
    let world = World::start().await;
    let token = world.alice().mint();
    for fields in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 6",
        "content-length: +5",
        "transfer-encoding: gzip, chunked, identity",
        "transfer-encoding: xchunked",
        "transfer-encoding : chunked",
        "x: a\r\n folded: b",
    ] {
        let request = format!(
            "POST /orders/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             {fields}\r\n\r\n0\r\n\r\n"
        );
        let got = world.raw(&request).await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{fields}: {got}");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn request_trailers_are_dropped() {
    let world = World::start().await;
    let mut trailers = http::HeaderMap::new();
    trailers.insert("authorization", "Bearer of-the-caller".parse().unwrap());
    let frames = [
        Frame::data(Bytes::from_static(&[0; 5])),
        Frame::trailers(trailers),
    ];
    let frames = frames.map(Ok::<_, std::io::Error>);
    let request = world
        .request("POST", "/stock.Stock/Level")
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(stream::iter(frames))));
    let (read, reading) = tokio::sync::oneshot::channel();
    world.upstream.will(|request| async {
        let body = request.into_body().collect().await.unwrap();
        read.send(body.trailers().cloned()).unwrap();
        Response::default()
    });
    world.http2.request(request.unwrap()).await.unwrap();
    assert_eq!(reading.await.unwrap(), None);
}

#[tokio::test]
async fn body_of_unknown_length_is_forwarded() {
    let world = World::start().await;
    for client in [&world.http1, &world.http2] {
        for method in ["GET", "DELETE", "OPTIONS", "POST"] {
            let (got, seen) = oneshot::channel();
            world.upstream.will(|request| async {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                got.send(body).unwrap();
                Response::new(Body::empty())
            });
            let frames = stream::iter(["or", "der"])
                .map(|piece| Ok::<_, std::io::Error>(Frame::data(Bytes::from(piece))));
            let request = world.request(method, "/orders/1");
            // The HTTP client drops it from its own GET too.
            let request = match std::ptr::eq(client, &world.http1) {
                true => request.header("transfer-encoding", "chunked"),
                false => request,
            };
            let request = request.body(Body::new(StreamBody::new(frames))).unwrap();
            assert_eq!(client.request(request).await.unwrap().status(), 200);
            assert_eq!(seen.await.unwrap(), "order", "{method}");
        }
    }
}
