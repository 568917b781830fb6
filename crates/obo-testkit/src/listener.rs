//! The socket, which can stop and listen again on the same port.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::AbortHandle;

use crate::connection::serve;
use crate::lock::Lock;

pub(crate) struct Listener {
    pub(crate) addr: SocketAddr,
    socket: Arc<Lock<Socket>>,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
}

#[derive(Default)]
struct Socket {
    /// Counts how often it was closed. A task of an earlier run may still run for a moment.
    run: u64,
    listening: Option<TcpListener>,
    /// Bound but not listening: connections are refused, and the port stays ours.
    reserved: Option<TcpSocket>,
    tasks: Vec<AbortHandle>,
}

impl Listener {
    pub(crate) fn bind(port: u16) -> Self {
        let socket = reserve(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let addr = socket.local_addr().expect("address of a bound socket");
        Self {
            addr,
            socket: Arc::new(Lock::new(Socket {
                reserved: Some(socket),
                ..Socket::default()
            })),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Accepts only connections with TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(mut self, acceptor: tokio_rustls::TlsAcceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// Starts to accept connections, unless it does already.
    pub(crate) fn start(&self, router: Router) {
        let mut socket = self.socket.lock();
        if let Some(reserved) = socket.reserved.take() {
            socket.listening = Some(reserved.listen(1024).expect("listening on a bound socket"));
            #[cfg(feature = "tls")]
            let tls = self.tls.clone();
            let connection = move |stream| {
                let router = router.clone();
                #[cfg(feature = "tls")]
                if let Some(tls) = tls.clone() {
                    let accepted = crate::mutual_tls::accept(tls, stream, router);
                    return tokio::spawn(accepted).abort_handle();
                }
                tokio::spawn(serve(stream, router)).abort_handle()
            };
            let accepting = accept(Arc::clone(&self.socket), socket.run, connection);
            socket.tasks.push(tokio::spawn(accepting).abort_handle());
        }
    }

    /// Refuses new connections and closes the open ones, unless it is stopped already.
    pub(crate) fn stop(&self) {
        let mut socket = self.socket.lock();
        socket.close();
        if socket.reserved.is_none() {
            socket.reserved = Some(reserve(self.addr));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.socket.lock().close();
    }
}

impl Socket {
    fn close(&mut self) {
        self.run += 1;
        self.listening = None;
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

async fn accept(
    socket: Arc<Lock<Socket>>,
    run: u64,
    connection: impl Fn(TcpStream) -> AbortHandle,
) {
    // The listener is in the shared state instead of this task, so that `stop` closes it at once.
    // An aborted task may be in the middle of a poll: on the listener of the next run, it would
    // take the wake-up of the task of that run.
    let next = || {
        poll_fn(|cx| {
            let socket = socket.lock();
            let listener = socket.listening.as_ref().filter(|_| socket.run == run);
            listener.map_or(Poll::Ready(None), |it| it.poll_accept(cx).map(Some))
        })
    };
    while let Some(accepted) = next().await {
        let Ok((stream, _)) = accepted else { continue };
        let connection = connection(stream);
        let mut socket = socket.lock();
        if socket.run != run {
            connection.abort();
            return;
        }
        socket.tasks.retain(|task| !task.is_finished());
        socket.tasks.push(connection);
    }
}

fn reserve(addr: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("SO_REUSEADDR");
    socket.bind(addr).expect("a free loopback port");
    socket
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    fn no_connection(_: TcpStream) -> AbortHandle {
        unreachable!("nothing connects")
    }

    #[tokio::test]
    async fn earlier_run_accepts_nothing() {
        let listener = Listener::bind(0);
        listener.start(Router::new());
        // The task of the first run, which is polled once more after it was aborted.
        let mut task = pin!(accept(Arc::clone(&listener.socket), 0, no_connection));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(task.as_mut().poll(&mut context).is_pending());
        listener.stop();
        listener.start(Router::new());
        assert!(task.poll(&mut context).is_ready());
    }

    #[tokio::test]
    async fn connection_of_earlier_run_ends() {
        let listener = Listener::bind(0);
        {
            let reserved = listener.socket.lock().reserved.take().unwrap();
            listener.socket.lock().listening = Some(reserved.listen(1).unwrap());
        }
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let (sender, router) = (Lock::new(Some(sender)), Router::new());
        let connection = |stream| {
            // The server stops and resumes at this moment.
            listener.stop();
            listener.start(router.clone());
            let task = tokio::spawn(async move {
                let _open = stream;
                std::future::pending::<()>().await;
            });
            let handle = task.abort_handle();
            sender.lock().take().unwrap().send(task).unwrap();
            handle
        };
        let client = TcpStream::connect(listener.addr).await.unwrap();
        accept(Arc::clone(&listener.socket), 0, connection).await;
        assert!(receiver.await.unwrap().await.unwrap_err().is_cancelled());
        drop(client);
    }
}
