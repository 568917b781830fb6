//! Responses of the token endpoint that are broken below JSON: framing, encodings, and floods that
//! must not cost memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::error::ExchangeErrorKind as Kind;
use obo::{AuthorizationServer, CallError, Caller, TokenExchange};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tower::{ServiceExt as _, service_fn};

use crate::raw_server::RawServer;
use crate::setup::{Setup, assert_answer, audience, client, issuer, to_b};

/// A success for this token, as bytes on the wire.
fn success(token: &str) -> String {
    let body = json!({
        "access_token": token,
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "expires_in": 300,
    });
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The kind of failure of a call on behalf of the caller, which reached no service.
async fn refused(exchange: &TokenExchange, caller: &Caller) -> Kind {
    let (service, downstream) = to_b(exchange);
    let service = service.on_behalf_of(caller);
    let called = service.oneshot(Request::new(())).await;
    assert!(downstream.received().is_empty());
    let Err(CallError::Exchange(error)) = called else {
        panic!("called without a token");
    };
    assert_answer(&error);
    error.kind()
}

async fn write(mut stream: TcpStream, reply: impl AsRef<[u8]>) {
    // The peer may have closed the connection already, as it should.
    let _ = stream.write_all(reply.as_ref()).await;
}

/// TE-06
#[tokio::test]
async fn broken_framing_is_no_response() {
    let right = success("token");
    let body = &right[right.find('{').unwrap()..];
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let chunked = format!("{json}transfer-encoding: chunked\r\n\r\n");
    let broken = [
        body.to_owned(),
        right.replace("HTTP/1.1", "HTTP/9.9"),
        right.replace("200 OK", "2000 OK"),
        right.replace("200 OK", "abc OK"),
        right.replace("content-length: ", "content-length: 1\r\ncontent-length: "),
        right.replace("content-length: ", "content-length: -"),
        right.replace("content-length: ", "content-length: 99999999999999999999"),
        right.replace("content-type: ", "content type: "),
        right.replace("\r\n\r\n", "\r\nno header\r\n\r\n"),
        format!("{chunked}zz\r\n{body}\r\n0\r\n\r\n"),
        format!("{chunked}{:x}\r\n{body}\r\n", body.len()),
        format!("{chunked}ffffffffffffffffff\r\n{body}\r\n0\r\n\r\n"),
        format!("{json}content-length: {}\r\n\r\n{body}", body.len() + 1),
    ];
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let calls = broken.into_iter().map(async |reply| {
        let written = reply.clone();
        let server = RawServer::start(move |stream| write(stream, written.clone())).await;
        let exchange = server.exchange(&setup);
        for round in 1..=2 {
            let kind = refused(&exchange, &caller).await;
            assert_eq!(kind, Kind::Transient, "{reply}");
            assert_eq!(server.requests(), 3 * round, "{reply}");
        }
    });
    join_all(calls).await;
    // The same response, unbroken, is a success.
    let server = RawServer::start(move |stream| write(stream, right.clone())).await;
    let exchanged = server.exchange(&setup);
    exchanged
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
}

/// TX-41, TE-06
#[tokio::test]
async fn unsolicited_response_is_never_used() {
    let setup = Setup::start().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let server = RawServer::start(move |mut stream| {
        let number = connections.fetch_add(1, Ordering::SeqCst);
        async move {
            let two = success(&format!("first-{number}")) + &success("of-another");
            stream.write_all(two.as_bytes()).await.unwrap();
            // Kept open, so that the client may reuse it.
            std::future::pending::<()>().await;
            drop(stream);
        }
    })
    .await;
    let exchange = server.exchange(&setup);
    for (number, user) in ["alice", "bob", "carol"].into_iter().enumerate() {
        let caller = setup.caller(user).await;
        let exchanged = exchange.token(&caller, audience("service-b")).await;
        let value = exchanged.unwrap().token().authorization().clone();
        assert_eq!(value, &*format!("Bearer first-{number}"));
    }
    assert_eq!(server.requests(), 3);
}

/// TE-06
#[tokio::test]
async fn endless_interim_responses_time_out() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let server = RawServer::start(|mut stream| async move {
        while stream
            .write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let exchange = server.exchange(&setup);
    let call = tokio::spawn(async move { refused(&exchange, &caller).await });
    server.request().await;
    tokio::time::pause();
    // A busy runtime moves a paused clock no further than requested, and timers are rounded up.
    tokio::time::advance(Duration::from_millis(5010)).await;
    assert_eq!(call.await.unwrap(), Kind::Transient);
    assert_eq!(server.requests(), 1);
}

/// TE-06
#[tokio::test]
async fn compressed_response_is_not_unpacked() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    // The magic number and method of gzip, and what deflate makes of a long run of one byte.
    let packed = [
        &b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xec\xc1\x01\x0d"[..],
        &[0; 64],
    ]
    .concat();
    let server = RawServer::start(move |stream| {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n";
        let length = format!("content-length: {}\r\n\r\n", packed.len());
        write(
            stream,
            [head.as_bytes(), length.as_bytes(), &packed].concat(),
        )
    })
    .await;
    let kind = refused(&server.exchange(&setup), &caller).await;
    assert_eq!(kind, Kind::ResponseUnusable);
    let heads = server.heads();
    assert_eq!(heads.len(), 1);
    assert!(
        heads[0].contains("\r\naccept-encoding: identity\r\n"),
        "{heads:?}"
    );
}

/// TE-06: a custom client may decompress what it receives: the decompressed size counts.
#[tokio::test]
async fn endless_body_is_bounded() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let frames = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&frames);
    let http = HttpService::new(service_fn(move |_: Request<Bytes>| {
        let frames = Arc::clone(&counted);
        let endless = futures_util::stream::repeat_with(move || {
            frames.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b' '; 65536])))
        });
        let reply = Response::builder().header("content-type", "application/json");
        let reply = reply.body(StreamBody::new(endless)).unwrap();
        async { Ok::<_, Infallible>(reply) }
    }));
    let metadata = ServerMetadata::new(None, Some("https://idp.example/token")).unwrap();
    let server = AuthorizationServer::builder(issuer(&setup.idp))
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    let kind = refused(
        &TokenExchange::builder(server, client()).build().unwrap(),
        &caller,
    )
    .await;
    assert_eq!(kind, Kind::ResponseUnusable);
    assert_eq!(frames.load(Ordering::SeqCst), 5);
}

/// The most memory, in bytes, of a call whose exchange gets this response.
fn taken<F>(kind: Kind, reply: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> u64
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let (exchange, caller, server) = runtime.block_on(async {
        let setup = Setup::start().await;
        let server = RawServer::start(reply).await;
        (server.exchange(&setup), setup.caller("alice").await, server)
    });
    let call = || {
        let got = runtime.block_on(refused(&exchange, &caller));
        assert_eq!(got, kind);
    };
    let taken = allocation_counter::measure(call).bytes_max;
    assert!(server.requests() > 0);
    taken
}

/// TE-06
#[test]
fn memory_stays_flat() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    static BLOCK: [u8; 65536] = [b'a'; 65536];
    let body = taken(Kind::ResponseUnusable, |mut stream| async move {
        stream.write_all(HEAD).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
        while stream.write_all(&BLOCK).await.is_ok() {}
    });
    let stated = taken(Kind::ResponseUnusable, |mut stream| async move {
        stream.write_all(HEAD).await.unwrap();
        stream
            .write_all(b"content-length: 9999999999\r\n\r\n")
            .await
            .unwrap();
        while stream.write_all(&BLOCK).await.is_ok() {}
    });
    let chunks = taken(Kind::ResponseUnusable, |mut stream| async move {
        stream.write_all(HEAD).await.unwrap();
        stream
            .write_all(b"transfer-encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        while stream
            .write_all(b"4\r\n    \r\n".repeat(1000).as_slice())
            .await
            .is_ok()
        {}
    });
    let header = taken(Kind::Transient, |mut stream| async move {
        stream.write_all(HEAD).await.unwrap();
        while stream.write_all(&BLOCK).await.is_ok() {}
    });
    let headers = taken(Kind::Transient, |mut stream| async move {
        stream.write_all(HEAD).await.unwrap();
        while stream
            .write_all(b"x: y\r\n".repeat(1000).as_slice())
            .await
            .is_ok()
        {}
    });
    let trailers = taken(Kind::Transient, |mut stream| async move {
        stream.write_all(HEAD).await.unwrap();
        stream
            .write_all(b"transfer-encoding: chunked\r\n\r\n0\r\n")
            .await
            .unwrap();
        while stream
            .write_all(b"x: y\r\n".repeat(1000).as_slice())
            .await
            .is_ok()
        {}
    });
    for (what, bytes) in [
        ("an endless body", body),
        ("a body of 10 GB", stated),
        ("endless chunks", chunks),
        ("an endless header", header),
        ("endless headers", headers),
        ("endless trailers", trailers),
    ] {
        assert!(bytes < 2 * 1024 * 1024, "{what}: {bytes} bytes");
    }
}
