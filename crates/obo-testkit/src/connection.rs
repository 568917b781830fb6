//! One connection, plain or with TLS.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) async fn serve<S>(stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = TowerToHyperService::new(router);
    let http = auto::Builder::new(TokioExecutor::new());
    // A client that disconnects early is not a failure of the server.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
