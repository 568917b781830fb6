//! Connections: their protocols, and how they end.

use axum::body::Body;
use axum::response::Response;
use obo_test_support::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::fast::fast;
use crate::world::World;

#[tokio::test]
async fn shutdown_waits_for_open_requests() {
    let mut world = World::start().await;
    let (go_on, waiting) = oneshot::channel::<()>();
    let (arrived, arriving) = oneshot::channel::<()>();
    world.upstream.will(|_| async {
        arrived.send(()).unwrap();
        waiting.await.unwrap();
        Response::new("done".into())
    });
    let request = world.request("GET", "/orders/1").body(Body::empty());
    let response = tokio::spawn(world.http1.request(request.unwrap()));
    arriving.await.unwrap();
    world.stop();
    // The port is closed before the request has ended.
    let is_closed = async || TcpStream::connect(world.address).await.is_err();
    eventually("a closed port", is_closed).await;
    let served = world.served.take().unwrap();
    assert!(!served.is_finished());
    go_on.send(()).unwrap();
    assert_eq!(response.await.unwrap().unwrap().status(), 200);
    served.await.unwrap();
}

#[tokio::test]
async fn silent_connection_ends_at_shutdown() {
    let mut world = World::start().await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    // The gateway has accepted it, because it has responded to a later one.
    assert_eq!(
        world.get(&world.alice().mint(), "/protected").await.status,
        200
    );
    world.stop();
    let started = tokio::time::Instant::now();
    world.served.take().unwrap().await.unwrap();
    // Open requests have 30 s.
    assert!(started.elapsed() < std::time::Duration::from_secs(25));
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn missing_head_times_out() {
    let world = World::start().await;
    let token = world.alice().mint();
    assert_eq!(world.get(&token, "/protected").await.status, 200);
    let whole =
        format!("GET /protected HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    for start in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET / HTTP/1.1\r\nhost: ",
        &whole,
    ] {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        connection.write_all(start.as_bytes()).await.unwrap();
        let mut back = Vec::new();
        let started = tokio::time::Instant::now();
        fast(connection.read_to_end(&mut back)).await.unwrap();
        let waited = started.elapsed();
        assert!(
            waited <= std::time::Duration::from_secs(40),
            "{start:?}: {waited:?}"
        );
        let is_answered = back.starts_with(b"HTTP/1.1 200 ");
        assert_eq!(is_answered, start == whole, "{start:?}");
    }
}

#[tokio::test]
async fn unread_upload_is_rejected_midway() {
    let world = World::start().await;
    let piece = [b'x'; 64 * 1024];
    let mut connection = TcpStream::connect(world.address).await.unwrap();
    let head = "POST /orders/1 HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut from, mut to) = connection.split();
    let sent = async {
        // Wait until the connection is closed.
        while to.write_all(&piece).await.is_ok() {}
    };
    let response = async {
        let mut start = [0; 12];
        from.read_exact(&mut start).await.unwrap();
        start
    };
    let ((), start) = tokio::join!(sent, response);
    assert_eq!(&start, b"HTTP/1.1 401");
}

#[tokio::test]
async fn split_request_is_one_request() {
    let world = World::start().await;
    let token = world.alice().mint();
    let request = format!("PUT /protected HTTP/1.0\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut connection = TcpStream::connect(world.address).await.unwrap();
    connection.set_nodelay(true).unwrap();
    for byte in request.as_bytes() {
        connection.write_all(&[*byte]).await.unwrap();
        connection.flush().await.unwrap();
    }
    let mut got = String::new();
    connection.read_to_string(&mut got).await.unwrap();
    assert!(got.starts_with("HTTP/1.0 200 OK\r\n"), "{got}");
}

#[tokio::test]
async fn non_http_is_rejected() {
    let world = World::start().await;
    for odd in [
        "\0\0\0\0",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        connection.write_all(odd.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut back = Vec::new();
        // The response is 400, or the connection is closed.
        let _ = connection.read_to_end(&mut back).await;
        assert!(!back.starts_with(b"HTTP/1.1 2"), "{odd:?}");
    }
    assert_eq!(
        world.get(&world.alice().mint(), "/protected").await.status,
        200
    );
}

#[tokio::test]
async fn longest_token_fits_the_head() {
    let world = World::start().await;
    let token = world.alice().claim("padding", "x".repeat(9_000)).mint();
    assert!(token.len() > 12_000 && token.len() < 16 * 1024);
    assert_eq!(world.get(&token, "/protected").await.status, 200);
    let request = world
        .request("GET", "/protected")
        .header("x-long", "y".repeat(200_000));
    let got = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(got.status, 431);
}

#[tokio::test]
async fn unroutable_request_fails_first() {
    let world = World::start().await;
    let token = world.alice().mint();
    let status = async |head: &str| {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        let request = format!("{head}authorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut back = [0; 12];
        connection.read_exact(&mut back).await.unwrap();
        str::from_utf8(&back[9..]).unwrap().to_owned()
    };
    for (head, expected) in [
        ("GET /protected HTTP/1.1\r\nhost: a\r\n", "200"),
        ("GET /protected HTTP/1.1\r\nhost: a.example:80\r\n", "200"),
        ("GET /protected HTTP/1.1\r\nhost: [::1]:80\r\n", "200"),
        ("GET /protected HTTP/1.0\r\n", "200"),
        ("GET /protected HTTP/1.1\r\n", "400"),
        ("GET /protected HTTP/1.1\r\nhost: a\r\nhost: a\r\n", "400"),
        ("GET /protected HTTP/1.1\r\nhost: a b\r\n", "400"),
        ("GET /protected HTTP/1.1\r\nhost: me@a\r\n", "400"),
        ("GET /protected HTTP/1.1\r\nhost: a/b\r\n", "400"),
        ("CONNECT /protected HTTP/1.1\r\nhost: a\r\n", "405"),
        ("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n", "405"),
    ] {
        assert_eq!(status(head).await, expected, "{head:?}");
    }
}

#[tokio::test]
async fn protocol_switch_is_rejected() {
    let world = World::start().await;
    let token = world.alice().mint();
    for (fields, expected) in [
        ("connection: upgrade\r\nupgrade: websocket", "501"),
        (
            "connection: keep-alive, Upgrade\r\nupgrade: WebSocket",
            "501",
        ),
        ("connection: upgrade\r\nupgrade: h2c, websocket", "501"),
        ("connection: upgrade\r\nupgrade: TLS/1.3", "501"),
        // Clients offer these protocols by default.
        (
            "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
            "200",
        ),
        ("upgrade: websocket", "200"),
        ("connection: upgrade", "200"),
    ] {
        let mut connection = TcpStream::connect(world.address).await.unwrap();
        let request = format!(
            "GET /orders/1 HTTP/1.1\r\nhost: a\r\n{fields}\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut back = vec![0; 1024];
        let read = connection.read(&mut back).await.unwrap();
        let back = String::from_utf8_lossy(&back[..read]);
        assert_eq!(&back[9..12], expected, "{fields}: {back}");
        assert_eq!(back.contains("WebSockets"), expected == "501", "{back}");
    }
    for seen in world.upstream.seen() {
        assert!(!seen.headers.contains_key("upgrade"), "{seen:?}");
    }
}
