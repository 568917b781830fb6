//! Responses that did not come from a gRPC service: of a proxy, a load balancer, a sign-in page.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::Response;
use obo_testkit::TestIdp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Service as _, ServiceExt as _, service_fn};

use crate::on_behalf_of::{caller, layer};
use crate::whoami::{call, channel, serve, with_token};

/// The statuses of a generated client for these responses, one per call, on behalf of a user.
async fn statuses(responses: Vec<Response<Body>>) -> Vec<Status> {
    let idp = TestIdp::start().await;
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let layer = layer(&idp, nowhere, "service-b");
    let caller = caller(&idp).await;
    let mut statuses = Vec::new();
    for response in responses {
        let response = Mutex::new(Some(response));
        let response = Arc::new(response);
        let proxy = service_fn(move |_: http::Request<Body>| {
            let response = response.lock().unwrap().take().expect("one call");
            async { Ok::<_, Infallible>(response) }
        });
        let stock = obo_tonic::channel(layer.clone(), proxy).on_behalf_of(&caller);
        statuses.push(call(stock, with_token(None)).await.unwrap_err());
    }
    statuses
}

fn response(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response
        .body(Body::new(http_body_util::Full::from(body)))
        .unwrap()
}

const HTML: (&str, &str) = ("content-type", "text/html");

/// GR-07
#[tokio::test]
async fn http_status_maps_to_grpc_code() {
    let table = [
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (429, Code::Unavailable),
        (502, Code::Unavailable),
        (503, Code::Unavailable),
        (504, Code::Unavailable),
        (200, Code::Unknown),
        (204, Code::Unknown),
        (302, Code::Unknown),
        (405, Code::Unknown),
        (418, Code::Unknown),
        (500, Code::Unknown),
        (501, Code::Unknown),
        (505, Code::Unknown),
    ];
    let page = "<html><body>A response of a proxy</body></html>";
    // Bytes that look like the frame of an empty message are still a proxy's response.
    for body in ["", page, "\0\0\0\0\0"] {
        let responses = table.map(|(status, _)| response(status, &[HTML], body));
        for (status, (sent, code)) in statuses(responses.into()).await.iter().zip(table) {
            assert_eq!(status.code(), code, "{sent} with {body:?}: {status}");
            assert!(!status.message().contains("proxy</body>"), "{status}");
        }
    }
    let bare = table[..8]
        .iter()
        .map(|(status, _)| response(*status, &[], page));
    for (status, (sent, code)) in statuses(bare.collect()).await.iter().zip(table) {
        assert_eq!(status.code(), code, "{sent}: {status}");
    }
}

/// GR-07
#[tokio::test]
async fn similar_content_type_is_not_grpc() {
    let responses = [
        "application/grpcx",
        "application/grpc/x",
        "application/grpc-",
    ];
    let responses = responses.map(|like| response(404, &[("content-type", like)], ""));
    for status in statuses(responses.into()).await {
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
    }
}

/// GR-07
#[tokio::test]
async fn grpc_status_wins() {
    const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");
    let with = |status, headers: &[_]| response(status, headers, "");
    let responses = vec![
        with(401, &[("grpc-status", "7"), ("grpc-message", "no")]),
        with(503, &[HTML, ("grpc-status", "8")]),
        with(200, &[HTML, ("grpc-status", "5")]),
        with(404, &[GRPC, ("grpc-status", "3")]),
        // A gRPC service that died before it sent its status.
        with(503, &[GRPC]),
    ];
    let codes: Vec<_> = statuses(responses).await.iter().map(Status::code).collect();
    assert_eq!(
        codes,
        [
            Code::PermissionDenied,
            Code::ResourceExhausted,
            Code::NotFound,
            Code::InvalidArgument,
            Code::Unavailable,
        ]
    );
}

/// GR-07, GR-10
#[tokio::test]
async fn bare_401_evicts_token_and_replays() {
    let idp = TestIdp::start().await;
    let service = serve(&idp, None).await;
    let caller = caller(&idp).await;
    for replays in [false, true] {
        let layer = layer(&idp, service, "service-b");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (noted, channel) = (Arc::clone(&calls), channel(service));
        let proxy = service_fn(move |request: http::Request<Body>| {
            let (noted, mut channel) = (Arc::clone(&noted), channel.clone());
            async move {
                let token = request.headers()["authorization"].clone();
                // The service reads every request. The proxy replaces its second response.
                let served = channel.ready().await?.call(request).await?;
                let mut noted = noted.lock().unwrap();
                noted.push(token);
                Ok::<_, tonic::transport::Error>(match noted.len() {
                    2 => response(401, &[HTML], "<html>"),
                    _ => served,
                })
            }
        });
        let stock = obo_tonic::channel(layer.clone(), proxy).on_behalf_of(&caller);
        let stock = if replays { stock.replay() } else { stock };
        call(stock.clone(), with_token(None)).await.unwrap();
        let second = call(stock.clone(), with_token(None)).await;
        match replays {
            true => assert_eq!(second.unwrap(), "alice by service-a"),
            false => {
                assert_eq!(second.unwrap_err().code(), Code::Unauthenticated);
                call(stock, with_token(None)).await.unwrap();
            }
        }
        let tokens = calls.lock().unwrap().clone();
        assert_eq!(tokens.len(), 3);
        assert_eq!(tokens[0], tokens[1]);
        assert_ne!(tokens[1], tokens[2]);
    }
}

/// GR-07: over a socket, like an HTTP/2 load balancer without a backend.
#[tokio::test]
async fn bare_http2_response_has_its_code() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // SETTINGS; HEADERS of stream 1 with `:status: 404`; DATA that ends the stream.
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let headers = [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x8d];
        let data = [0, 0, 4, 0, 1, 0, 0, 0, 1, b'o', b'o', b'p', b's'];
        stream.write_all(&settings).await.unwrap();
        let mut read = Vec::new();
        while !is_whole(&read) {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        }
        stream.write_all(&headers).await.unwrap();
        stream.write_all(&data).await.unwrap();
        // Until the client closes the connection.
        while stream.read_buf(&mut read).await.is_ok_and(|more| more > 0) {}
    });
    let idp = TestIdp::start().await;
    let stock = obo_tonic::channel(layer(&idp, address, "service-b"), channel(address));
    let stock = stock.on_behalf_of(&caller(&idp).await);
    let status = call(stock, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
}

/// Whether a client's bytes contain the end of stream 1.
fn is_whole(read: &[u8]) -> bool {
    let mut frames = read
        .strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap_or_default();
    while let Some((&[_, a, b, kind, flags, _, _, _, stream], rest)) = frames.split_first_chunk() {
        if kind <= 1 && stream == 1 && flags & 1 == 1 {
            return true;
        }
        let length = usize::from(u16::from_be_bytes([a, b]));
        frames = rest.get(length..).unwrap_or_default();
    }
    false
}
