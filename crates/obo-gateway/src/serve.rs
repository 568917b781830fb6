use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use obo::binding::PeerAddress;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::activity::{Activity, WatchedBody};
use super::addresses::Addresses;
use super::limits::Limits;
use super::start::Gateway;
use super::version::version_shown;

/// The maximum size of a request head: twice the maximum size of a token.
const HEAD_BYTES: u32 = 64 * 1024;
/// The number of concurrent requests on one HTTP/2 connection.
const STREAMS: u32 = 200;
/// How often an HTTP/2 connection is pinged, and how long the peer may take to reply.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
/// How long requests in flight may take on a connection that shuts down for inactivity.
const END: Duration = Duration::from_secs(5);
/// How long requests in flight may take after the gateway was stopped.
const DRAIN: Duration = Duration::from_secs(30);
/// The pause after an error such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

impl Gateway {
    /// Serves HTTP/1.1, HTTP/2 and gRPC until `stop` completes. Then it waits up to 30 s for
    /// requests in flight.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let connections = Arc::new(Semaphore::new(self.limits.connections()));
        let addresses = Addresses::default();
        let (stopping, serving) = watch::channel(());
        let mut stop = pin!(stop);
        loop {
            let (stream, peer, permit) = tokio::select! {
                accepted = accept(&listener, &connections) => accepted,
                () = &mut stop => break,
            };
            let most = self.limits.connections_per_address();
            let Some(counted) = addresses.count(peer.ip(), most) else {
                tracing::debug!(%peer, "connection closed: its address has {most} connections already");
                continue;
            };
            let (gateway, serving) = (self.clone(), serving.clone());
            tokio::spawn(async move {
                gateway.connection(stream, peer, serving).await;
                drop((counted, permit));
            });
        }
        drop((listener, serving));
        stopping.send_replace(());
        if timeout(DRAIN, stopping.closed()).await.is_err() {
            tracing::warn!("requests were still in flight after {DRAIN:?}");
        }
    }

    async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        mut serving: watch::Receiver<()>,
    ) {
        // A peer that sends nothing gets no more than `limits.head`, and does not delay a shutdown.
        let stream = tokio::select! {
            stream = timeout(self.limits.head(), version_shown(stream)) => stream,
            _ = serving.changed() => return,
        };
        let Ok(Ok(stream)) = stream else { return };
        let activity = Activity::new(&self.limits);
        let (router, requests) = (self.router, Arc::clone(&activity));
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer.ip()));
            let (response, open) = (router.clone().oneshot(request), requests.begin());
            async move {
                let response = response.await?;
                Ok::<_, std::convert::Infallible>(response.map(|body| WatchedBody::new(body, open)))
            }
        });
        let builder = builder(&self.limits);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = activity.over() => {
                connection.as_mut().graceful_shutdown();
                let Ok(ended) = timeout(END, connection).await else { return };
                ended
            }
            _ = serving.changed() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = &mut connection => ended,
                    () = activity.over() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!("connection failed: {error}");
        }
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head())
        .max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES);
    builder
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so this always yields a permit.
    let permit = Arc::clone(connections).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Send small responses at once.
                let _ = stream.set_nodelay(true);
                return (stream, peer, permit);
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}
