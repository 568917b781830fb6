use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::Gateway;
use super::opening::opened;

/// How many connections there may be at the same time; more wait to be accepted.
const CONNECTIONS: usize = 10_000;
/// How long a connection may take to say what it speaks, and then for the head of each HTTP/1.1 request.
const HEAD: Duration = Duration::from_secs(30);
/// Room for the head of a request: a token of the greatest length that is accepted, and as much again for all else.
const HEAD_BYTES: u32 = 64 * 1024;
/// How often an HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long requests under way have to end, after the gateway was told to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// After an error such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

impl Gateway {
    /// Serves HTTP/1.1, HTTP/2 and gRPC until `stop`, and then ends what is under way, for 30 s at most.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let shutdown = GracefulShutdown::new();
        let (stopping, serving) = watch::channel(());
        let mut stop = pin!(stop);
        loop {
            let (stream, permit) = tokio::select! {
                accepted = accept(&listener, &connections) => accepted,
                () = &mut stop => break,
            };
            let (gateway, watcher) = (self.clone(), shutdown.watcher());
            let mut serving = serving.clone();
            tokio::spawn(async move {
                // A peer that opens a connection and says nothing is left, and not waited for in the end.
                let stream = tokio::select! {
                    stream = timeout(HEAD, opened(stream)) => stream,
                    _ = serving.changed() => return,
                };
                let Ok(Ok(stream)) = stream else { return };
                let builder = builder();
                let service = TowerToHyperService::new(gateway.router);
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection.into_owned()).await {
                    tracing::debug!("a connection broke: {error}");
                }
                drop(permit);
            });
        }
        drop((listener, stopping));
        if timeout(DRAIN, shutdown.shutdown()).await.is_err() {
            tracing::warn!("requests were still under way after {DRAIN:?}");
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_header_list_size(HEAD_BYTES);
    builder
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // It is never closed, so there is always a permit in the end.
    let permit = Arc::clone(connections).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers are not to wait for more to send.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) => {
                tracing::warn!("no connection can be accepted: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}
