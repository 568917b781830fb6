//! An introspection endpoint with broken connections, with the default client.

use obo::BearerAuthLayer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Duration, Instant, pause, sleep};

use crate::guarded::{Guarded, assert_unavailable};
use crate::introspecting::code;
use crate::raw_endpoint::{RawEndpoint, good, http, introspecting_at, ok};

const UNAVAILABLE: &str = "introspection_unavailable";

/// BT-18
#[tokio::test]
async fn unreachable_endpoint_is_unavailable() {
    // Bound without listening: the port is reserved, and connections are refused.
    let unused = TcpSocket::new_v4().unwrap();
    unused.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/introspect", unused.local_addr().unwrap());
    let guarded = Guarded::new(BearerAuthLayer::new(introspecting_at(&url)));
    let response = guarded.with("Bearer opaque").await;
    assert_unavailable(&response, "1");
    assert_eq!(guarded.admitted(), 0);
}

/// BT-18
#[tokio::test]
async fn connection_reset_is_unavailable() {
    let endpoint = RawEndpoint::doing(|stream| async move { stream.set_zero_linger() }).await;
    assert_eq!(code(&endpoint.server(), "opaque").await, UNAVAILABLE);
    let endpoint = RawEndpoint::doing(|mut stream| async move {
        stream.write_all(&ok(&good()).as_bytes()[..120]).await?;
        stream.set_zero_linger()
    })
    .await;
    assert_eq!(code(&endpoint.server(), "opaque").await, UNAVAILABLE);
    // There is only one attempt.
    assert_eq!(endpoint.requests().len(), 1);
}

/// Writes this many bytes of a valid response, then nothing, or the rest byte by byte.
async fn stalls(
    mut stream: TcpStream,
    after: usize,
    then: Option<Duration>,
) -> std::io::Result<()> {
    let response = ok(&good());
    stream.write_all(&response.as_bytes()[..after]).await?;
    let Some(pause) = then else {
        return std::future::pending().await;
    };
    for byte in &response.as_bytes()[after..] {
        sleep(pause).await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(())
}

/// BT-18
#[tokio::test]
async fn stalled_endpoint_times_out() {
    let body = ok(&good()).find('{').unwrap();
    for (after, then) in [
        (0, None),
        (20, None),
        (body, None),
        (body + 10, None),
        (0, Some(Duration::from_secs(1))),
        (body, Some(Duration::from_secs(1))),
    ] {
        let endpoint = RawEndpoint::doing(move |stream| stalls(stream, after, then)).await;
        let server = endpoint.server();
        let waiting = tokio::spawn(async move { code(&server, "opaque").await });
        // Paused only from here on: paused time would run ahead of the connection.
        endpoint.arrived(1).await;
        pause();
        let start = Instant::now();
        assert_eq!(
            waiting.await.unwrap(),
            UNAVAILABLE,
            "after {after}, {then:?}"
        );
        let seconds = start.elapsed().as_secs_f64();
        // The connection took real time.
        assert!((1.0..=5.1).contains(&seconds), "{seconds} after {after}");
        tokio::time::resume();
    }
}

/// IN-03
#[tokio::test]
async fn flood_is_cut_off() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let fields = "x-filler: filler\r\n".repeat(10_000);
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for (start, repeated) in [
        (format!("{head}\r\n"), " ".repeat(0x10000)),
        (format!("{head}transfer-encoding: chunked\r\n\r\n"), chunk),
        (
            format!("{head}content-length: 99999999999\r\n\r\n"),
            " ".repeat(0x10000),
        ),
        (head.to_owned(), fields),
    ] {
        let endpoint = RawEndpoint::doing(move |mut stream| {
            let (start, repeated) = (start.clone(), repeated.clone());
            async move {
                stream.write_all(start.as_bytes()).await?;
                // Ends when the client closes the connection.
                loop {
                    stream.write_all(repeated.as_bytes()).await?;
                }
            }
        })
        .await;
        let start = Instant::now();
        assert_eq!(code(&endpoint.server(), "opaque").await, UNAVAILABLE);
        assert!(start.elapsed() < Duration::from_secs(4), "only in time");
    }
}

/// IN-03
#[tokio::test]
async fn encoded_response_is_unusable() {
    let utf16: Vec<u8> = "\u{feff}{\"active\":true}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    // The first bytes of `gzip`.
    let gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0x56];
    for (encoding, body) in [
        ("content-type: application/json; charset=utf-16", utf16),
        ("content-encoding: gzip", gzip),
    ] {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\n{encoding}\r\ncontent-length: {length}\r\n\r\n");
        let endpoint = RawEndpoint::serving([head.into_bytes(), body].concat()).await;
        assert_eq!(code(&endpoint.server(), "opaque").await, UNAVAILABLE);
        let request = endpoint.requests().remove(0).to_ascii_lowercase();
        assert!(
            request.contains("\r\naccept-encoding: identity\r\n"),
            "{request}"
        );
    }
}

/// IN-02
#[tokio::test]
async fn redirect_is_not_followed() {
    let elsewhere = RawEndpoint::serving(ok(&good())).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!("{status}\r\nlocation: {}", elsewhere.url);
        let endpoint = RawEndpoint::serving(http(&location, &good())).await;
        assert_eq!(code(&endpoint.server(), "opaque").await, UNAVAILABLE);
        let requests = endpoint.requests();
        assert_eq!(requests.len(), 1);
        assert!(requests[0].contains("authorization: Basic "));
        assert!(elsewhere.requests().is_empty(), "{status}");
    }
}

/// BT-18
#[tokio::test]
async fn retry_after_is_passed_on() {
    for (status, retry_after) in [
        ("429 Too Many Requests", "7"),
        ("503 Service Unavailable", "7"),
        ("429 Too Many Requests", "86400"),
    ] {
        let response = http(&format!("{status}\r\nretry-after: {retry_after}"), "{}");
        let endpoint = RawEndpoint::serving(response).await;
        let guarded = Guarded::new(BearerAuthLayer::new(endpoint.server()));
        let capped = if retry_after == "7" { "7" } else { "300" };
        // A token is not introspected during its pause, and no token during the pause of several.
        for (token, requests) in [
            ("opaque", 1),
            ("opaque", 1),
            ("another", 2),
            ("a-third", 3),
            ("a-fourth", 3),
        ] {
            let response = guarded.with(format!("Bearer {token}")).await;
            match (token, retry_after) {
                // A pause that several tokens get applies to all others for a minute.
                ("a-fourth", "86400") => assert_unavailable(&response, "60"),
                _ => assert_unavailable(&response, capped),
            }
            assert_eq!(endpoint.requests().len(), requests, "{token}");
        }
    }
}

#[tokio::test]
async fn unsolicited_response_is_never_used() {
    let keep = |body: &str| ok(body).replace("connection: close\r\n", "");
    let two = keep(r#"{"active":false}"#) + &keep(&good().replace("alice", "mallory"));
    let endpoint = RawEndpoint::doing(move |mut stream| {
        let two = two.clone();
        async move {
            stream.write_all(two.as_bytes()).await?;
            // Kept open, so that the client may reuse it.
            std::future::pending().await
        }
    })
    .await;
    let server = endpoint.server();
    for number in 1..=3 {
        assert_eq!(code(&server, &format!("opaque-{number}")).await, "inactive");
        assert_eq!(endpoint.requests().len(), number);
    }
}
