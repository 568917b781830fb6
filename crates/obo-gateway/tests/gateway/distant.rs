//! Connections to upstreams that are dead, were just closed, or refuse a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::fast::fast;
use crate::world::World;

/// A route to an upstream that the test plays.
fn route(address: std::net::SocketAddr) -> String {
    format!(
        "[[routes]]\npath = \"/own/{{*rest}}\"\nupstream = \"http://{address}\"\n\
         exchange = {{ issuer = \"IDP\", audience = \"service-b\" }}\n"
    )
}

async fn listener() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn dead_http2_connection_is_dropped() {
    let (listener, address) = listener().await;
    let world = World::configured(&route(address)).await;
    let to = world.upstream_url.replace("http://", "");
    let frozen = Arc::new(AtomicBool::new(false));
    let is_frozen = Arc::clone(&frozen);
    // The first connection forwards bytes until it is frozen; later ones always do.
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let mut upstream = TcpStream::connect(&to).await.unwrap();
        let pass = async move {
            let (mut here, mut there) = ([0; 4096], [0; 4096]);
            loop {
                tokio::select! {
                    read = first.read(&mut here) => {
                        let read = read.unwrap();
                        if is_frozen.load(Ordering::SeqCst) {
                            // It stays open without forwarding anything.
                            std::future::pending::<()>().await;
                        }
                        upstream.write_all(&here[..read]).await.unwrap();
                    }
                    read = upstream.read(&mut there) => {
                        first.write_all(&there[..read.unwrap()]).await.unwrap();
                    }
                }
            }
        };
        tokio::spawn(pass);
        while let Ok((mut next, _)) = listener.accept().await {
            let mut upstream = TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut next, &mut upstream).await });
        }
    });
    let token = world.alice().mint();
    let call = async || world.call(&token, "/own/s.S/M").await;
    for _ in 0..2 {
        assert_eq!(call().await.status, 200);
    }
    frozen.store(true, Ordering::SeqCst);
    let started = Instant::now();
    assert_eq!(fast(call()).await.field("grpc-status"), "14");
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
    let got = call().await;
    assert_eq!((got.field("grpc-status"), got.body.len()), ("", 5));
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
}

/// An upstream that responds to one request on each connection, and closes it at the next one.
async fn closing(listener: TcpListener, connections: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") && !seen.ends_with(b"whole") {
                let read = stream.read_buf(&mut seen).await.unwrap();
                assert_ne!(read, 0);
            }
            let body = match seen.ends_with(b"whole") {
                true => "whole",
                false => "empty",
            };
            let response = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{body}");
            stream.write_all(response.as_bytes()).await.unwrap();
            // Unread bytes turn the close into a reset.
            let _ = stream.read(&mut [0]).await;
        });
    }
}

#[tokio::test]
async fn idempotent_request_retries_on_close() {
    let (listener, address) = listener().await;
    let world = World::configured(&route(address)).await;
    let connections = Arc::new(AtomicUsize::new(0));
    tokio::spawn(closing(listener, Arc::clone(&connections)));
    for (method, body) in [
        ("GET", ""),
        ("GET", ""),
        ("DELETE", ""),
        ("OPTIONS", ""),
        ("PUT", "whole"),
        ("PUT", "whole"),
    ] {
        let request = world.request(method, "/own/1").body(Body::from(body));
        let got = world.send(request.unwrap()).await;
        assert_eq!(got.status, 200, "{method}");
        let expected = if body.is_empty() { "empty" } else { body };
        assert_eq!(got.body, expected, "{method}");
    }
    assert!(connections.load(Ordering::SeqCst) > 3);
}

#[tokio::test]
async fn other_request_is_not_retried() {
    let (listener, address) = listener().await;
    let world = World::configured(&route(address)).await;
    let connections = Arc::new(AtomicUsize::new(0));
    tokio::spawn(closing(listener, Arc::clone(&connections)));
    let request = |method| {
        world
            .request(method, "/own/1")
            .body(Body::from("whole"))
            .unwrap()
    };
    assert_eq!(world.send(request("POST")).await.status, 200);
    for method in ["POST", "PATCH"] {
        // The request may have been processed, so a retry would not be safe.
        assert_eq!(world.send(request(method)).await.status, 502, "{method}");
        assert_eq!(world.send(request(method)).await.status, 200, "{method}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

/// An HTTP/2 server that responds to the first stream of its first connection with `frame`, and
/// then passes connections on.
async fn refusing(listener: TcpListener, frame: Vec<u8>, to: String) {
    let (mut first, _) = listener.accept().await.unwrap();
    tokio::spawn(async move {
        let mut preface = [0; 24];
        first.read_exact(&mut preface).await.unwrap();
        first.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        loop {
            let mut head = [0; 9];
            if first.read_exact(&mut head).await.is_err() {
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            first.read_exact(&mut payload).await.unwrap();
            const HEADERS: u8 = 1;
            if head[3] == HEADERS {
                first.write_all(&frame).await.unwrap();
            }
        }
    });
    while let Ok((mut next, _)) = listener.accept().await {
        let mut upstream = TcpStream::connect(&to).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut next, &mut upstream).await });
    }
}

#[tokio::test]
async fn unprocessed_call_is_retried() {
    let go_away = |code| [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, code].to_vec();
    let reset = |code| [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, code].to_vec();
    const REFUSED_STREAM: u8 = 7;
    const CANCEL: u8 = 8;
    const ENHANCE_YOUR_CALM: u8 = 11;
    for (frame, is_sent_again) in [
        (reset(REFUSED_STREAM), true),
        (go_away(0), true),
        (go_away(2), true),
        (reset(CANCEL), false),
        (reset(ENHANCE_YOUR_CALM), false),
        (go_away(ENHANCE_YOUR_CALM), false),
    ] {
        let (listener, address) = listener().await;
        let world = World::configured(&route(address)).await;
        let to = world.upstream_url.replace("http://", "");
        tokio::spawn(refusing(listener, frame.clone(), to));
        let got = world.call(&world.alice().mint(), "/own/s.S/M").await;
        // The upstream returns the message.
        let is_answered = got.body.len() == 5 && got.field("grpc-status").is_empty();
        assert_eq!(is_answered, is_sent_again, "{frame:?}: {got:?}");
        assert_eq!(world.upstream.seen().len(), usize::from(is_sent_again));
    }
}
