//! gRPC uses HTTP/2 on both sides.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Version;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use obo_examples::stock::Sku;
use obo_examples::stock::stock_client::StockClient;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::world::World;

fn bearer<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn generated_client_sees_its_status() {
    let world = World::start().await;
    let channel = Channel::from_shared(format!("http://{}", world.address)).unwrap();
    let mut client = StockClient::new(channel.connect_lazy());
    let token = world.alice().mint();
    world.upstream.will(|_| async {
        let status = tonic::Status::not_found("no tea");
        status.into_http::<Body>()
    });
    let status = client
        .level(bearer(Sku { id: "tea".into() }, &token))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "no tea")
    );
    let seen = world.upstream.only();
    assert_eq!(
        (seen.version, seen.uri.path()),
        (Version::HTTP_2, "/stock.Stock/Level")
    );
    assert_eq!(seen.headers["via"], "2.0 obo-gateway");
    assert_eq!(seen.claims()["act"]["sub"], "service-a");

    let status = client
        .level(bearer(Sku { id: "tea".into() }, "no-token"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn messages_and_trailers_pass_through() {
    let world = World::start().await;
    let (messages, mut received) = mpsc::unbounded_channel::<Bytes>();
    let frames = stream::poll_fn(move |cx| received.poll_recv(cx));
    let frames = frames.map(|message| Ok::<_, std::io::Error>(Frame::data(message)));
    let request = world
        .request("POST", "/stock.Stock/Watch")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(StreamBody::new(frames)));
    world.upstream.will(|request| async {
        let echoed = request.into_body().into_data_stream();
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        trailers.insert("x-count", "2".parse().unwrap());
        let frames = echoed.map(|data| data.map(Frame::data));
        let frames = frames.chain(stream::iter([Ok(Frame::trailers(trailers))]));
        axum::response::Response::new(Body::new(StreamBody::new(frames)))
    });
    messages.send(Bytes::from_static(b"\0\0\0\0\x01a")).unwrap();
    let response = world.http2.request(request.unwrap()).await.unwrap();
    let mut response = response.into_body();
    for next in [Some(&b"\0\0\0\0\x01b"[..]), None] {
        let data = response
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap();
        assert_eq!(data.len(), 6);
        match next {
            Some(next) => messages.send(Bytes::from_static(next)).unwrap(),
            None => break,
        }
    }
    drop(messages);
    let trailers = response
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_trailers()
        .unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-count"]),
        (&"0".parse().unwrap(), &"2".parse().unwrap())
    );
}

#[tokio::test]
async fn grpc_web_is_rejected_as_grpc() {
    let world = World::start().await;
    let request = |token: &str| {
        let request = world.request_with(token, "POST", "/stock.Stock/Level");
        let request = request.header("content-type", "application/grpc-web+proto");
        request.body(Body::from("x")).unwrap()
    };
    let got = world.send(request("none")).await;
    assert_eq!((got.status, got.field("grpc-status")), (200, "16"));
    let got = world.send(request(&world.alice().mint())).await;
    assert_eq!((got.status, &*got.body), (200, &b"x"[..]));
    assert_eq!(world.upstream.only().version, Version::HTTP_11);
}
