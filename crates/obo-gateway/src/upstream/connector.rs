//! Connections to an upstream, with a timeout, keep-alive, and a mark that shows whether they were
//! used.

use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connect, Connected, Connection, HttpConnector,
};
use obo::error::BoxError;
use pin_project_lite::pin_project;
use tokio::time::timeout;
use tower::{Service, ServiceExt as _, service_fn};

/// The time for the connection and the TLS handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// When and how often the peer of a silent connection is probed. A dead peer is found after 25 s.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent data may stay unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// Makes the TCP connector. The connector around it may add TLS.
pub(super) fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    tcp
}

/// Whether a connection has delivered a response before.
#[derive(Clone, Debug, Default)]
struct Used(Arc<AtomicBool>);

/// Records that the connection of a response was used.
pub(super) fn mark_used(response: &Extensions) {
    if let Some(Used(used)) = response.get() {
        used.store(true, Ordering::Relaxed);
    }
}

/// Whether the connection of a request had delivered a response before.
pub(super) fn was_used(connection: &CaptureConnection) -> bool {
    let mut extras = Extensions::new();
    if let Some(connection) = &*connection.connection_metadata() {
        connection.get_extras(&mut extras);
    }
    let used = extras.get();
    used.is_some_and(|Used(used)| used.load(Ordering::Relaxed))
}

/// Adds a timeout and the mark to a connector.
pub(super) fn marked<C, S>(connector: C) -> impl Connect + Clone + Send + Sync + 'static
where
    C: Service<Uri, Response = S> + Clone + Send + Sync + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    S: Connection + Read + Write + Unpin + Send + 'static,
{
    type Connecting<S> = Pin<Box<dyn Future<Output = Result<Marked<S>, BoxError>> + Send>>;

    service_fn(move |uri: Uri| -> Connecting<S> {
        let connecting = connector.clone().oneshot(uri);
        Box::pin(async move {
            let stream = timeout(CONNECT_TIMEOUT, connecting)
                .await
                .map_err(|_| BoxError::from(format!("no connection within {CONNECT_TIMEOUT:?}")))?
                .map_err(Into::into)?;
            Ok(Marked {
                stream,
                used: Used::default(),
            })
        })
    })
}

pin_project! {
    /// A connection with its mark.
    struct Marked<S> {
        #[pin]
        stream: S,
        used: Used,
    }
}

impl<S: Connection> Connection for Marked<S> {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.used.clone())
    }
}

impl<S: Read> Read for Marked<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.project().stream.poll_read(cx, buffer)
    }
}

impl<S: Write> Write for Marked<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// A server that accepts a connection and does not continue the TLS handshake.
    #[tokio::test(start_paused = true)]
    async fn stalled_handshake_times_out() {
        let stalled = service_fn(|_: Uri| {
            std::future::pending::<Result<hyper_util::rt::TokioIo<tokio::net::TcpStream>, BoxError>>(
            )
        });
        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
        let client = client.build::<_, axum::body::Body>(marked(stalled));
        let started = Instant::now();
        let response = client.get(Uri::from_static("https://stock.example/")).await;
        assert!(response.is_err_and(|error| error.is_connect()));
        assert_eq!(started.elapsed(), CONNECT_TIMEOUT);
    }
}
