//! Upstreams that fail, send wrong lengths or speak another protocol.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::oneshot;

use crate::world::{Got, World};

/// The response for the caller when the upstream sends these bytes.
async fn respond_with(world: &World, response: &str) -> Got {
    let request = world.request("GET", "/raw/x").body(Body::empty()).unwrap();
    let (got, _) = tokio::join!(world.send(request), world.respond_raw(response));
    got
}

#[tokio::test]
async fn malformed_response_is_502() {
    let world = World::start().await;
    for response in [
        "",
        "\0\0\0",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nx y\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nab",
        "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
    ] {
        let got = respond_with(&world, response).await;
        assert_eq!((got.status, got.body.len()), (502, 0), "{response:?}");
        assert!(!got.headers.contains_key("proxy-authenticate"));
    }
}

#[tokio::test]
async fn unusual_response_passes() {
    let world = World::start().await;
    for (response, status, body) in [
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Made\r\ncontent-length: 1\r\n\r\na",
            201,
            "a",
        ),
        ("HTTP/1.1 299 Odd\r\ncontent-length: 1\r\n\r\na", 299, "a"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            200,
            "ab",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nab",
            200,
            "ab",
        ),
    ] {
        let got = respond_with(&world, response).await;
        let text = String::from_utf8_lossy(&got.body);
        assert_eq!((got.status, &*text), (status, body), "{response:?}");
        assert!(!got.headers.contains_key("link"));
    }
}

#[tokio::test]
async fn broken_response_breaks_for_caller() {
    let world = World::start().await;
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab";
    let request = world.request("GET", "/raw/x").body(Body::empty());
    let call = async {
        let response = world.http1.request(request.unwrap()).await.unwrap();
        response.into_body().collect().await
    };
    let (collected, _) = tokio::join!(call, world.respond_raw(broken));
    assert!(collected.is_err());

    let (break_off, breaking) = oneshot::channel::<()>();
    world.upstream.will(|_| async {
        let data = Frame::data(Bytes::from_static(b"ab"));
        let end = stream::once(async move {
            breaking.await.unwrap();
            Err(std::io::Error::other("the upstream breaks off"))
        });
        let frames = stream::iter([Ok(data)]).chain(end);
        Response::new(Body::new(StreamBody::new(frames)))
    });
    let request = world.request("GET", "/orders/1").body(Body::empty());
    let response = world.http2.request(request.unwrap()).await.unwrap();
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "ab");
    break_off.send(()).unwrap();
    assert!(body.collect().await.is_err());
}

#[tokio::test]
async fn call_without_http2_is_unavailable() {
    let world = World::start().await;
    let token = world.alice().mint();
    let response = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let (got, _) = tokio::join!(world.call(&token, "/raw/x"), world.respond_raw(response));
    assert_eq!((got.status, got.field("grpc-status")), (200, "14"));
}

#[tokio::test]
async fn early_401_is_not_retried() {
    let world = World::start().await;
    // A body that never ends.
    let body = Body::new(StreamBody::new(stream::pending::<
        Result<Frame<Bytes>, std::io::Error>,
    >()));
    let request = world.request("POST", "/raw/x").body(body).unwrap();
    let response =
        "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\n\r\n";
    let (got, head) = tokio::join!(world.send(request), world.respond_raw(response));
    assert_eq!((got.status, got.field("www-authenticate")), (502, ""));
    assert!(head.starts_with("POST /x HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn leaving_caller_cancels_the_call() {
    let world = World::start().await;
    let (gone, noticed) = oneshot::channel::<()>();
    let (arrived, arriving) = oneshot::channel();
    world.upstream.will(|_| async {
        let _gone_when_dropped = gone;
        arrived.send(()).unwrap();
        std::future::pending().await
    });
    let request = world.request("GET", "/orders/1").body(Body::empty());
    let call = tokio::spawn(world.http2.request(request.unwrap()));
    arriving.await.unwrap();
    call.abort();
    assert!(noticed.await.is_err());
}
