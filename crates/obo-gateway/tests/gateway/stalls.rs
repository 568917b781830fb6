//! Peers that are silent, trickle or stall: their connections end, and others are served.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use obo_test_support::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::fast::fast;
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn idle_http2_connection_ends() {
    let world = World::start().await;
    let token = world.alice().mint();
    assert_eq!(world.get(&token, "/orders/1").await.status, 200);
    for requests in [0, 1] {
        let stream = TcpStream::connect(world.address).await.unwrap();
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        // It replies to pings.
        let connection = tokio::spawn(connection);
        for _ in 0..requests {
            let request = world.request_with(&token, "GET", "/orders/1");
            let request = request.body(Empty::<Bytes>::new()).unwrap();
            let response = client.send_request(request).await.unwrap();
            response.into_body().collect().await.unwrap();
        }
        let started = Instant::now();
        let _ = fast(connection).await.unwrap();
        let waited = started.elapsed();
        assert!(waited >= 55 * SECOND && waited <= 70 * SECOND, "{waited:?}");
        drop(client);
    }
}

#[tokio::test]
async fn trickling_request_is_rejected() {
    let world = World::start().await;
    let token = world.alice().mint();
    assert_eq!(world.get(&token, "/orders/1").await.status, 200);
    for framing in ["content-length: 10000", "transfer-encoding: chunked"] {
        world.upstream.will(|request| async {
            let _ = request.into_body().collect().await;
            std::future::pending::<Response>().await
        });
        let connection = TcpStream::connect(world.address).await.unwrap();
        let (mut from, mut to) = connection.into_split();
        let head = format!(
            "POST /orders/1 HTTP/1.1\r\nhost: a\r\n{framing}\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        to.write_all(head.as_bytes()).await.unwrap();
        let piece = if framing.contains("chunked") {
            "1\r\nx\r\n"
        } else {
            "x"
        };
        let trickle = async {
            loop {
                sleep(5 * SECOND).await;
                if to.write_all(piece.as_bytes()).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let started = Instant::now();
        let mut back = [0; 12];
        fast(async {
            tokio::select! {
                () = trickle => unreachable!(),
                read = from.read_exact(&mut back) => drop(read.unwrap()),
            }
        })
        .await;
        assert_eq!(&back, b"HTTP/1.1 408", "{framing}");
        assert!(started.elapsed() <= 40 * SECOND, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn stalled_response_is_cut() {
    let world = World::start().await;
    let token = world.alice().mint();
    assert_eq!(world.get(&token, "/orders/1").await.status, 200);
    let mut bodies = Vec::new();
    for (content_type, least) in [
        ("application/json", 30),
        // Events and messages may be rare.
        ("text/event-stream", 300),
        ("application/grpc", 300),
    ] {
        for client in [&world.http1, &world.http2] {
            world.upstream.will(move |_| async move {
                let data = Frame::data(Bytes::from_static(b"data"));
                let frames = stream::iter([Ok::<_, std::io::Error>(data)]).chain(stream::pending());
                Response::builder()
                    .header("content-type", content_type)
                    .body(Body::new(StreamBody::new(frames)))
                    .unwrap()
            });
            let started = Instant::now();
            let request = world.request_with(&token, "GET", "/orders/1");
            let request = request.body(Body::empty()).unwrap();
            let mut body = client.request(request).await.unwrap().into_body();
            assert!(body.frame().await.unwrap().is_ok());
            bodies.push(async move {
                assert!(body.collect().await.is_err());
                let waited = started.elapsed();
                assert!(
                    waited >= least * SECOND && waited <= (least + 10) * SECOND,
                    "{content_type}: {waited:?}"
                );
            });
        }
    }
    fast(join_all(bodies)).await;
}

#[tokio::test]
async fn response_of_known_length_is_paced() {
    let world = World::start().await;
    let token = world.alice().mint();
    assert_eq!(world.get(&token, "/orders/1").await.status, 200);
    let request = world.request_with(&token, "GET", "/raw/1");
    let request = request.body(Body::empty()).unwrap();
    let call = tokio::spawn(world.http1.request(request));
    let (mut upstream, _) = world.raw_upstream.accept().await.unwrap();
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    upstream.write_all(head).await.unwrap();
    let response = call.await.unwrap().unwrap();
    let trickle = async {
        loop {
            sleep(5 * SECOND).await;
            let _ = upstream.write_all(b"x").await;
        }
    };
    let started = Instant::now();
    fast(async {
        tokio::select! {
            () = trickle => unreachable!(),
            body = response.into_body().collect() => assert!(body.is_err()),
        }
    })
    .await;
    assert!(started.elapsed() <= 40 * SECOND);
}

#[tokio::test]
async fn unread_response_is_dropped() {
    let world = World::start().await;
    let token = world.alice().mint();
    assert_eq!(world.get(&token, "/orders/1").await.status, 200);
    for is_http2 in [false, true] {
        let (gone, noticed) = oneshot::channel::<()>();
        world.upstream.will(|_| async {
            const PIECE: Bytes = Bytes::from_static(&[7; 16 * 1024]);
            let frames = stream::repeat_with(move || {
                let _gone_when_dropped = &gone;
                Ok::<_, std::io::Error>(Frame::data(PIECE))
            });
            Response::new(Body::new(StreamBody::new(frames)))
        });
        let request = world.request_with(&token, "GET", "/orders/1");
        let started;
        if is_http2 {
            let request = request.body(Body::empty()).unwrap();
            let _unread = world.http2.request(request).await.unwrap();
            started = Instant::now();
            assert!(fast(noticed).await.is_err());
        } else {
            let mut connection = TcpStream::connect(world.address).await.unwrap();
            let request = format!(
                "GET /orders/1 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n"
            );
            connection.write_all(request.as_bytes()).await.unwrap();
            connection.read_exact(&mut [0; 12]).await.unwrap();
            started = Instant::now();
            assert!(fast(noticed).await.is_err());
        }
        assert!(started.elapsed() <= 130 * SECOND, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn busy_stream_shields_no_unread_one() {
    let world = World::start().await;
    let token = world.alice().mint();
    assert_eq!(world.get(&token, "/orders/1").await.status, 200);
    let (gone, noticed) = oneshot::channel::<()>();
    world.upstream.will(|_| async {
        let frames = stream::pending::<Result<Frame<Bytes>, std::io::Error>>();
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::new(StreamBody::new(frames)))
            .unwrap()
    });
    world.upstream.will(|_| async {
        const PIECE: Bytes = Bytes::from_static(&[7; 16 * 1024]);
        let frames = stream::repeat_with(move || {
            let _gone_when_dropped = &gone;
            Ok::<_, std::io::Error>(Frame::data(PIECE))
        });
        Response::new(Body::new(StreamBody::new(frames)))
    });
    // Both are on one connection.
    let request = || {
        let request = world.request_with(&token, "GET", "/orders/1");
        world.http2.request(request.body(Body::empty()).unwrap())
    };
    let _silent = request().await.unwrap();
    let _unread = request().await.unwrap();
    let started = Instant::now();
    assert!(fast(noticed).await.is_err());
    assert!(started.elapsed() <= 130 * SECOND, "{:?}", started.elapsed());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_address_blocks_no_other() {
    let limits = "[limits]\nconnections = 8\nconnections_per_address = 4\n";
    let world = World::configured(limits).await;
    let token = world.alice().mint();
    let head = format!(
        "POST /orders/1 HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let mut stalled = Vec::new();
    for i in 0..4 {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        // Some send nothing, and some stall within a request.
        if i % 2 == 0 {
            connection.write_all(head.as_bytes()).await.unwrap();
        }
        stalled.push(connection);
    }
    // This address has all its connections, so further ones are closed.
    for _ in 0..8 {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        let read = connection.read(&mut [0]).await;
        assert!(read.is_err() || read.is_ok_and(|read| read == 0));
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(world.address).await.unwrap();
    let request = format!(
        "GET /orders/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    other.write_all(request.as_bytes()).await.unwrap();
    let mut back = String::new();
    other.read_to_string(&mut back).await.unwrap();
    assert!(back.starts_with("HTTP/1.1 200 "), "{back}");
    // It was served while the others stalled, and none of those was closed.
    for connection in &stalled {
        let is_open = match connection.try_read(&mut [0]) {
            Ok(read) => read > 0,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        };
        assert!(is_open);
    }
    // When a connection ends, another one is accepted.
    drop(stalled.pop());
    eventually("a response on another connection", async || {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        let _ = connection.write_all(request.as_bytes()).await;
        let mut back = String::new();
        let read = connection.read_to_string(&mut back).await;
        let is_accepted = read.is_ok() && !back.is_empty();
        assert!(!is_accepted || back.starts_with("HTTP/1.1 200 "), "{back}");
        is_accepted
    })
    .await;
}

#[tokio::test]
async fn stalled_requests_delay_no_other() {
    let world = World::start().await;
    let mallory = world.idp.user("mallory").audience("service-a");
    let mallory = mallory.scope("read:orders").mint();
    let mut stalled = Vec::new();
    for i in 0..100 {
        let frames = stream::pending::<Result<Frame<Bytes>, std::io::Error>>();
        let request = Request::post(format!("http://{}/orders/{i}", world.address))
            .header("authorization", format!("Bearer {mallory}"))
            .body(Body::new(StreamBody::new(frames)));
        let client = if i % 2 == 0 {
            &world.http1
        } else {
            &world.http2
        };
        stalled.push(tokio::spawn(client.request(request.unwrap())));
    }
    // All of them have reached the upstream.
    let have_arrived = async || world.upstream.seen().len() == 100;
    eventually("100 requests at the upstream", have_arrived).await;
    assert_eq!(
        world.get(&world.alice().mint(), "/orders/1").await.status,
        200
    );
    assert_eq!(world.idp.token_requests(), 2);
}
