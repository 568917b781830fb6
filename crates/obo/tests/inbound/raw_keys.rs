//! Keys from a raw TCP server that resets, stops, hangs, drips and lies, with the default client.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use obo::AuthorizationServer;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo_test_support::RawServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::guarded::Guarded;
use crate::issuer::FakeIssuer;

/// What the server does with a connection after it has read the request.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Close,
    Reset,
    CloseHalfWay,
    ResetHalfWay,
    Hang,
    HangHalfWay,
    Drip,
    /// Announces more bytes than it sends.
    LieLong,
    /// Announces fewer bytes than it sends.
    LieShort,
    Endless,
    EndlessChunks,
    ManyHeaders,
    NoHttp,
    Gzip,
    Redirect,
}

struct KeyServer(RawServer);

impl KeyServer {
    /// Serves the key set, except for the fetches with these numbers.
    async fn start(keys: String, deed: Deed, bad: Range<usize>) -> Self {
        let server = RawServer::start(move |stream, number| {
            let deed = bad.contains(&number).then_some(deed);
            serve(stream, keys.clone(), deed)
        });
        Self(server.await)
    }

    fn guarded(&self, idp: &FakeIssuer) -> Guarded {
        let metadata = ServerMetadata::new(Some(&self.0.url("/keys")), None).unwrap();
        let http = HttpService::default_client();
        Guarded::by(
            AuthorizationServer::builder(idp.id())
                .with_metadata(metadata)
                .with_http(http)
                .build()
                .unwrap(),
        )
    }

    fn fetches(&self) -> usize {
        self.0.requests().len()
    }
}

async fn serve(mut stream: TcpStream, keys: String, deed: Option<Deed>) {
    match deed {
        None => {
            let response = head(keys.len(), "") + &keys;
            let _ = stream.write_all(response.as_bytes()).await;
        }
        Some(deed) => {
            // The client may have closed the connection, as it should.
            let _ = misbehave(&mut stream, &keys, deed).await;
        }
    }
}

fn head(length: usize, more: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n"
    )
}

async fn misbehave(stream: &mut TcpStream, keys: &str, deed: Deed) -> std::io::Result<()> {
    let half = &keys[..keys.len() / 2];
    let begun = head(keys.len(), "") + half;
    match deed {
        Deed::Close => Ok(()),
        Deed::Reset => stream.set_zero_linger(),
        Deed::CloseHalfWay => stream.write_all(begun.as_bytes()).await,
        Deed::ResetHalfWay => {
            stream.write_all(begun.as_bytes()).await?;
            stream.set_zero_linger()
        }
        Deed::Hang => std::future::pending().await,
        Deed::HangHalfWay => {
            stream.write_all(begun.as_bytes()).await?;
            std::future::pending().await
        }
        Deed::Drip => {
            stream.write_all(head(keys.len(), "").as_bytes()).await?;
            for byte in keys.as_bytes() {
                stream.write_all(&[*byte]).await?;
                sleep(Duration::from_secs(1)).await;
            }
            Ok(())
        }
        Deed::LieLong => {
            let response = head(keys.len() + 1, "") + keys;
            stream.write_all(response.as_bytes()).await
        }
        Deed::LieShort => {
            let response = head(keys.len() / 2, "") + keys;
            stream.write_all(response.as_bytes()).await
        }
        Deed::Endless => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"keys\":[";
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
        Deed::EndlessChunks => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(b"8\r\n        \r\n").await?;
            }
        }
        Deed::ManyHeaders => {
            let many: String = (0..10_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
            let response = head(keys.len(), &many) + keys;
            stream.write_all(response.as_bytes()).await
        }
        Deed::NoHttp => stream.write_all(b"220 mail ready\r\n").await,
        Deed::Gzip => {
            let response = head(3, "content-encoding: gzip\r\n") + "\u{1f}\u{b}";
            stream.write_all(response.as_bytes()).await
        }
        Deed::Redirect => {
            let response =
                "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(response.as_bytes()).await
        }
    }
}

/// BT-18
#[tokio::test]
async fn misbehaving_server_is_503() {
    for deed in [
        Deed::Close,
        Deed::Reset,
        Deed::CloseHalfWay,
        Deed::ResetHalfWay,
        Deed::LieLong,
        Deed::LieShort,
        Deed::Endless,
        Deed::EndlessChunks,
        Deed::ManyHeaders,
        Deed::NoHttp,
        Deed::Gzip,
        Deed::Redirect,
    ] {
        let idp = FakeIssuer::new().await;
        // The client retries a connection that was closed before a response.
        let server = KeyServer::start(idp.key_set(), deed, 0..4).await;
        let (guarded, token) = (server.guarded(&idp), idp.token().mint());
        assert_eq!(guarded.status(&token).await, 503, "{deed:?}");
        assert!((1..=4).contains(&server.fetches()), "{deed:?}");
        for _ in 0..5 {
            // From here on the clock jumps over the server's pauses.
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(60)).await;
            tokio::time::resume();
            if guarded.status(&token).await == 200 {
                break;
            }
        }
        assert_eq!(guarded.status(&token).await, 200, "{deed:?}");
    }
}

/// BT-18
#[tokio::test]
async fn slow_server_times_out() {
    for deed in [Deed::Hang, Deed::HangHalfWay, Deed::Drip] {
        let idp = FakeIssuer::new().await;
        let server = KeyServer::start(idp.key_set(), deed, 0..1).await;
        let (guarded, token) = (server.guarded(&idp), idp.token().mint());
        // When all tasks wait, the clock jumps to the next timer.
        tokio::time::pause();
        let started = Instant::now();
        assert_eq!(guarded.status(&token).await, 503, "{deed:?}");
        assert!(started.elapsed() <= Duration::from_secs(6), "{deed:?}");
        tokio::time::resume();
    }
}

/// JW-23
#[tokio::test]
async fn known_keys_outlast_misbehavior() {
    for deed in [Deed::Reset, Deed::Endless, Deed::NoHttp] {
        let idp = FakeIssuer::new().await;
        let server = KeyServer::start(idp.key_set(), deed, 1..usize::MAX).await;
        let (guarded, token) = (server.guarded(&idp), idp.token().mint());
        assert_eq!(guarded.status(&token).await, 200);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(3600)).await;
        tokio::time::resume();
        for _ in 0..3 {
            assert_eq!(guarded.status(&token).await, 200, "{deed:?}");
        }
        assert!(server.fetches() >= 2, "{deed:?}");
    }
}

#[tokio::test]
async fn closed_connection_costs_no_fetch() {
    let idp = FakeIssuer::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let keys = idp.key_set();
    let requests = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&requests);
    // Each connection serves one request and is closed at the next.
    let _accepting = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (keys, counted) = (keys.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let mut read = Vec::new();
                while !read.ends_with(b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
                }
                let response = head(keys.len(), "").replace("connection: close\r\n", "") + &keys;
                stream.write_all(response.as_bytes()).await.unwrap();
                if stream.read(&mut [0]).await.is_ok_and(|read| read > 0) {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    let http = HttpService::default_client();
    for _ in 0..3 {
        let metadata = ServerMetadata::new(Some(&url), None).unwrap();
        let server = AuthorizationServer::builder(idp.id())
            .with_metadata(metadata)
            .with_http(http.clone())
            .build()
            .unwrap();
        let guarded = Guarded::by(server);
        assert_eq!(guarded.status(&idp.token().mint()).await, 200);
    }
    assert!(requests.load(Ordering::SeqCst) > 0);
}
