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
            let accepting = tokio::spawn(accept(Arc::clone(&self.socket), connection));
            socket.tasks.push(accepting.abort_handle());
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
        self.listening = None;
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

async fn accept(socket: Arc<Lock<Socket>>, connection: impl Fn(TcpStream) -> AbortHandle) {
    // The listener is in the shared state instead of this task, so that `stop` closes it at once.
    let next = || {
        poll_fn(|cx| match &socket.lock().listening {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        })
    };
    while let Some(accepted) = next().await {
        let Ok((stream, _)) = accepted else { continue };
        let connection = connection(stream);
        let mut socket = socket.lock();
        socket.tasks.retain(|task| !task.is_finished());
        socket.tasks.push(connection);
        if socket.listening.is_none() {
            socket.close();
        }
    }
}

fn reserve(addr: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("SO_REUSEADDR");
    socket.bind(addr).expect("a free loopback port");
    socket
}
