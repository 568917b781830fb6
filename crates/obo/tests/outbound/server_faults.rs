//! A token endpoint that is down, slow, broken or redirects.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use obo::error::ExchangeErrorKind as Kind;
use obo::token_endpoint::TokenEndpointError;
use obo::{CallError, ExchangeError, TokenExchange};
use obo_testkit::{Endpoint, Fault};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use crate::raw_server::RawServer;
use crate::setup::{Setup, assert_answer, to_b};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

async fn refused(setup: &Setup, exchange: &TokenExchange) -> ExchangeError {
    let caller = setup.caller("alice").await;
    let (service, downstream) = to_b(exchange);
    let called = service
        .on_behalf_of(&caller)
        .oneshot(Request::new(()))
        .await;
    assert!(downstream.received().is_empty());
    let Err(CallError::Exchange(error)) = called else {
        panic!("called without a token");
    };
    assert_answer(&error);
    error
}

/// The error if each connection ends like this after the request was read. Each call sends a
/// request.
async fn broken<F>(reply: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> ExchangeError
where
    F: Future<Output = ()> + Send + 'static,
{
    let setup = Setup::start().await;
    let server = RawServer::start(reply).await;
    let exchange = server.exchange(&setup);
    refused(&setup, &exchange).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    let error = refused(&setup, &exchange).await;
    assert!(server.requests() >= 2);
    error
}

/// The HTTP status of the response for the failure.
fn status(error: &ExchangeError) -> Option<StatusCode> {
    let source = error.source().unwrap();
    source
        .downcast_ref::<TokenEndpointError>()
        .unwrap()
        .status()
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) {
    // The peer may have closed the connection already, as it should.
    let _ = stream.write_all(bytes).await;
}

/// TX-39
#[tokio::test]
async fn unreachable_server_is_transient() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = setup.to_b();
    let service = service.on_behalf_of(&caller);
    setup.idp.stop();
    let called = service.clone().oneshot(Request::new(())).await;
    let Err(CallError::Exchange(error)) = called else {
        panic!("called without a token");
    };
    assert_eq!(error.kind(), Kind::Transient);
    assert!(downstream.received().is_empty());
    setup.idp.resume().await;
    service.oneshot(Request::new(())).await.unwrap();
}

/// TE-06
#[tokio::test]
async fn hanging_server_times_out() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    setup.idp.fault(Endpoint::Token, Fault::Hang);
    let (service, downstream) = setup.to_b();
    let call = service.on_behalf_of(&caller).oneshot(Request::new(()));
    let call = tokio::spawn(call);
    setup.idp.wait_for_requests(Endpoint::Token, 1).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(5)).await;
    let Err(CallError::Exchange(error)) = call.await.unwrap() else {
        panic!("called without a token");
    };
    assert_eq!(error.kind(), Kind::Transient);
    assert!(
        error.to_string().contains("no response within 5s"),
        "{error}"
    );
    assert!(downstream.received().is_empty());
}

/// TE-06
#[tokio::test]
async fn dripping_body_times_out() {
    let setup = Setup::start().await;
    let server = RawServer::start(|mut stream| async move {
        write(&mut stream, HEAD).await;
        write(&mut stream, b"content-length: 1000\r\n\r\n").await;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            write(&mut stream, b" ").await;
        }
    })
    .await;
    let exchange = server.exchange(&setup);
    let caller = setup.caller("alice").await;
    let (service, _) = to_b(&exchange);
    let call = tokio::spawn(service.on_behalf_of(&caller).oneshot(Request::new(())));
    server.request().await;
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let Err(CallError::Exchange(error)) = call.await.unwrap() else {
        panic!("the call was made");
    };
    assert!(
        error.to_string().contains("no response within 5s"),
        "{error}"
    );
    assert_eq!(status(&error), None);
    assert!(started.elapsed() <= Duration::from_secs(6));
}

/// TE-06
#[tokio::test]
async fn early_close_is_transient() {
    let closed = broken(|stream| async move { drop(stream) }).await;
    assert_eq!(closed.kind(), Kind::Transient, "{closed}");
    let reset = broken(|stream| async move { stream.set_zero_linger().unwrap() }).await;
    assert_eq!(reset.kind(), Kind::Transient, "{reset}");
    let half = broken(|mut stream| async move {
        write(&mut stream, HEAD).await;
        write(
            &mut stream,
            b"content-length: 100\r\n\r\n{\"access_token\":\"abc",
        )
        .await;
    })
    .await;
    assert_eq!(half.kind(), Kind::Transient, "{half}");
    assert_eq!([closed, reset, half].each_ref().map(status), [None; 3]);
    let garbage = broken(|mut stream| async move { write(&mut stream, b"\x16\x03\x01").await });
    assert_eq!(garbage.await.kind(), Kind::Transient);
}

#[tokio::test]
async fn server_failure_keeps_its_status() {
    for line in [
        "500 Internal Server Error",
        "503 Service Unavailable",
        "418 Teapot",
    ] {
        let error = broken(move |mut stream| async move {
            let head = format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n");
            write(&mut stream, head.as_bytes()).await;
        });
        let status = status(&error.await).map(|status| status.as_u16().to_string());
        assert_eq!(status.as_deref(), line.get(..3));
    }
}

/// TE-06
#[tokio::test]
async fn endless_body_is_cut_off() {
    let error = broken(|mut stream| async move {
        write(&mut stream, HEAD).await;
        write(&mut stream, b"\r\n").await;
        while stream.write_all(&[b' '; 65536]).await.is_ok() {}
    })
    .await;
    assert_eq!(error.kind(), Kind::ResponseUnusable);
    assert!(
        error.to_string().contains("longer than 262144 bytes"),
        "{error}"
    );
}

/// TE-06
#[tokio::test]
async fn header_flood_is_cut_off() {
    let many = broken(|mut stream| async move {
        write(&mut stream, HEAD).await;
        let headers: String = (0..10_000).map(|i| format!("x-{i}: y\r\n")).collect();
        write(&mut stream, headers.as_bytes()).await;
        write(&mut stream, b"\r\n{}").await;
    });
    assert_eq!(many.await.kind(), Kind::Transient);
    let endless = broken(|mut stream| async move {
        write(&mut stream, HEAD).await;
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    });
    assert_eq!(endless.await.kind(), Kind::Transient);
}

/// TE-06, BT-21
#[tokio::test]
async fn redirect_is_not_followed() {
    for status in ["301", "302", "303", "307", "308"] {
        let elsewhere = RawServer::start(|stream| async move { drop(stream) }).await;
        let location: Arc<str> = elsewhere.url.as_str().into();
        let error = broken(move |mut stream| {
            let location = Arc::clone(&location);
            async move {
                let reply = format!(
                    "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
                );
                write(&mut stream, reply.as_bytes()).await;
            }
        })
        .await;
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{status}");
        assert_eq!(elsewhere.requests(), 0, "{status}");
    }
}

/// TE-06
#[tokio::test]
async fn slow_response_in_time_is_used() {
    let setup = Setup::start().await;
    let delay = Fault::Delay(Duration::from_millis(50));
    setup.idp.fault(Endpoint::Token, delay);
    let caller = setup.caller("alice").await;
    let (service, downstream) = setup.to_b();
    let service = service.on_behalf_of(&caller);
    service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(downstream.received().len(), 1);
}
