//! A connection that switches to another protocol, as a WebSocket does.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use obo_axum::Authenticated;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, split};
use tokio::net::TcpStream;
use tokio::time::advance;

use crate::setup::{LIFE, serve};

/// Switches protocols and then echoes what it receives.
async fn echo(_: Authenticated, mut request: Request<Body>) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let (mut from, mut to) = split(TokioIo::new(upgrade.await.unwrap()));
        copy(&mut from, &mut to).await
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket");
    response.body(Body::empty()).unwrap()
}

/// Sends the opening handshake, and returns the connection and the response's head.
async fn handshake(address: std::net::SocketAddr, line: &str) -> (TcpStream, String) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{line}\r\n"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    (connection, String::from_utf8(head).unwrap())
}

async fn echoed(connection: &mut TcpStream) -> [u8; 4] {
    connection.write_all(b"ping").await.unwrap();
    let mut back = [0; 4];
    connection.read_exact(&mut back).await.unwrap();
    back
}

/// GR-08
#[tokio::test]
async fn upgraded_connection_outlives_token() {
    let (address, token) = serve(Router::new().route("/echo", get(echo))).await;
    let line = format!("authorization: Bearer {token}\r\n");
    let (mut connection, head) = handshake(address, &line).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(&echoed(&mut connection).await, b"ping");
    advance(LIFE * 2).await;
    assert_eq!(&echoed(&mut connection).await, b"ping");
}

/// BT-08, BT-09
#[tokio::test]
async fn upgrade_needs_a_token() {
    let (address, _) = serve(Router::new().route("/echo", get(echo))).await;
    for (line, challenge) in [
        ("", "www-authenticate: Bearer\r\n"),
        (
            "authorization: Bearer x\r\n",
            "www-authenticate: Bearer error=\"invalid_token\"\r\n",
        ),
        (
            "sec-websocket-protocol: bearer, x\r\n",
            "www-authenticate: Bearer\r\n",
        ),
    ] {
        let (_, head) = handshake(address, line).await;
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
        assert!(head.contains(challenge), "{head}");
        assert!(!head.contains("upgrade"), "{head}");
    }
}
