//! Start, stop, start again; the clock.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use obo_testkit::TestIdp;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::wire::{claims_of, exchange, get, post_as, send, server};

fn address(idp: &TestIdp) -> String {
    idp.issuer().strip_prefix("http://").unwrap().to_owned()
}

#[tokio::test]
async fn stopped_server_resumes_on_its_port() {
    let idp = server().await;
    let (kid, url) = (idp.kid(), idp.jwks_uri());
    idp.stop();
    idp.stop();
    let refused = TcpStream::connect(address(&idp)).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(
        send(Request::get(&url).body(Full::default()).unwrap())
            .await
            .is_err()
    );
    assert_eq!(idp.jwks_requests(), 0);

    idp.resume().await;
    idp.resume().await;
    assert_eq!(
        (get(&url).await.status.as_u16(), idp.kid(), idp.jwks_uri()),
        (200, kid, url)
    );
    assert_eq!(
        post_as(&idp, "service-a", &[("grant_type", "client_credentials")])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn stopping_closes_open_connections() {
    let idp = server().await;
    let mut stream = TcpStream::connect(address(&idp)).await.unwrap();
    get(&idp.jwks_uri()).await;
    idp.stop();
    let mut buffer = [0; 1];
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await;
    assert!(matches!(
        closed.expect("closed by the server"),
        Ok(0) | Err(_)
    ));
}

#[tokio::test]
async fn server_stops_with_last_handle() {
    let idp = server().await;
    let address = address(&idp);
    let clone = idp.clone();
    drop(idp);
    assert!(TcpStream::connect(&address).await.is_ok());
    drop(clone);
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_runs_multi_threaded() {
    let idp = server().await;
    let url = idp.jwks_uri();
    let requests: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { get(&url).await.status }
            })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(idp.jwks_requests(), 20);
}

#[tokio::test]
async fn clock_can_be_moved() {
    let idp = server().await;
    let token = idp.user("alice").audience("service-a").mint();
    idp.set_clock_offset(301);
    let response = exchange(&idp, "service-a", &token, &[("audience", "service-b")]).await;
    assert_eq!(response.error(), (400, "invalid_request".to_owned()));
    let later = idp.user("alice").mint();
    assert!(
        claims_of(&later)["iat"].as_i64().unwrap()
            >= claims_of(&token)["iat"].as_i64().unwrap() + 301
    );
    idp.set_clock_offset(0);
    assert_eq!(
        exchange(&idp, "service-a", &token, &[("audience", "service-b")])
            .await
            .status,
        200
    );
}
