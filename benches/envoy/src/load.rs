//! Clients that send one request after the other.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const CONNECTIONS: usize = 32;
const LENGTH: Duration = Duration::from_secs(4);

pub(crate) struct Load {
    pub(crate) requests: usize,
    pub(crate) took: Duration,
    /// In ascending order.
    latencies: Vec<Duration>,
}

impl Load {
    /// In milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let at = self.latencies.len() * percent / 100;
        self.latencies
            .get(at)
            .map_or(0.0, |it| it.as_secs_f64() * 1e3)
    }
}

/// Sends requests for a while, over all connections. Each uses another token.
pub(crate) async fn run(port: u16, lines: &[String]) -> Load {
    let started = Instant::now();
    let of_connection = (0..CONNECTIONS).map(|number| async move {
        let mut sender = connect(port).await;
        let mut latencies = Vec::new();
        // A step that is prime to the number of tokens visits all of them.
        let mut at = number * lines.len() / CONNECTIONS;
        while started.elapsed() < LENGTH {
            at = (at + 7919) % lines.len();
            let sent = Instant::now();
            request(&mut sender, lines.get(at).unwrap()).await;
            latencies.push(sent.elapsed());
        }
        latencies
    });
    let mut latencies = join_all(of_connection).await.concat();
    let took = started.elapsed();
    latencies.sort_unstable();
    Load {
        requests: latencies.len(),
        took,
        latencies,
    }
}

/// Sends each token once.
pub(crate) async fn each_once(port: u16, lines: &[String]) {
    let parts = lines.chunks(lines.len().div_ceil(CONNECTIONS));
    let of_connection = parts.map(|lines| async move {
        let mut sender = connect(port).await;
        for line in lines {
            request(&mut sender, line).await;
        }
    });
    join_all(of_connection).await;
}

/// Fetches a text from this machine.
pub(crate) async fn text(uri: &str) -> String {
    let uri: Uri = uri.parse().unwrap();
    let mut sender = connect(uri.port_u16().unwrap()).await;
    let request = Request::get(uri.path())
        .header(header::HOST, uri.authority().unwrap().as_str())
        .body(Empty::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn connect(port: u16) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn request(sender: &mut SendRequest<Empty<Bytes>>, line: &str) {
    let request = Request::get("/orders")
        .header(header::HOST, "gateway.example")
        .header(header::AUTHORIZATION, line)
        .body(Empty::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let challenge = response.headers().get(header::WWW_AUTHENTICATE).cloned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        status,
        StatusCode::OK,
        "{challenge:?} {}",
        body.escape_ascii()
    );
}
