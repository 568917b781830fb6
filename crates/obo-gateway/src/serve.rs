use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::activity::{Activity, Watched};
use super::addresses::{Addresses, Peer};
use super::limits::Limits;
use super::opening::opened;
use super::start::Gateway;

/// Room for the head of a request: a token of the greatest length that is accepted, and as much again for all else.
const HEAD_BYTES: u32 = 64 * 1024;
/// How many requests a peer may have on one HTTP/2 connection.
const STREAMS: u32 = 200;
/// How often an HTTP/2 connection is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
/// How long a connection that was told to end may take for what is under way on it.
const END: Duration = Duration::from_secs(5);
/// How long requests under way have to end, after the gateway was told to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// After an error such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

impl Gateway {
    /// Serves HTTP/1.1, HTTP/2 and gRPC until `stop`, and then ends what is under way, for 30 s at most.
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
                tracing::debug!(%peer, "a connection is closed: the address has {most}");
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
            tracing::warn!("requests were still under way after {DRAIN:?}");
        }
    }

    async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        mut serving: watch::Receiver<()>,
    ) {
        // A peer that opens a connection and says nothing is left, and not waited for in the end.
        let stream = tokio::select! {
            stream = timeout(self.limits.head(), opened(stream)) => stream,
            _ = serving.changed() => return,
        };
        let Ok(Ok(stream)) = stream else { return };
        let activity = Activity::new(&self.limits);
        let (router, requests) = (self.router, Arc::clone(&activity));
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let (answer, open) = (router.clone().oneshot(request), requests.begin());
            async move {
                let response = answer.await?;
                Ok::<_, std::convert::Infallible>(response.map(|body| Watched::new(body, open)))
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
            tracing::debug!("a connection broke: {error}");
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
    // It is never closed, so there is always a permit in the end.
    let permit = Arc::clone(connections).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers are not to wait for more to send.
                let _ = stream.set_nodelay(true);
                return (stream, peer, permit);
            }
            Err(error) => {
                tracing::warn!("no connection can be accepted: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}
