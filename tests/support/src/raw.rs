use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::soon;

/// A TCP server that reads one HTTP request per connection and then runs a test's closure on it.
pub struct RawServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    arrived: watch::Sender<usize>,
    waited_for: Mutex<usize>,
    _accepting: JoinSet<()>,
}

impl RawServer {
    /// Passes each connection to `respond` once its request is read, with the request's number.
    pub async fn start<F>(respond: impl Fn(TcpStream, usize) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, arrived) = (
            Arc::<Mutex<Vec<String>>>::default(),
            watch::Sender::new(0_usize),
        );
        let (noted, signal) = (Arc::clone(&requests), arrived.clone());
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (noted, signal, respond) =
                    (Arc::clone(&noted), signal.clone(), respond.clone());
                connections.spawn(async move {
                    let Some(request) = read_request(&mut stream).await else {
                        return;
                    };
                    let number = {
                        let mut noted = noted.lock().unwrap();
                        noted.push(request);
                        noted.len() - 1
                    };
                    signal.send_modify(|count| *count += 1);
                    respond(stream, number).await;
                });
            }
        });
        Self {
            address,
            requests,
            arrived,
            waited_for: Mutex::new(0),
            _accepting: accepting,
        }
    }

    /// The URL of a path on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until this many requests have arrived.
    pub async fn arrived(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        let all = arrived.wait_for(|seen| *seen >= count);
        let what = format!("{count} requests to {self:?}");
        drop(soon(&what, all).await.unwrap());
    }

    /// Waits for the next request that no earlier call waited for.
    pub async fn request(&self) {
        let next = {
            let mut waited_for = self.waited_for.lock().unwrap();
            *waited_for += 1;
            *waited_for
        };
        self.arrived(next).await;
    }
}

impl fmt::Debug for RawServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawServer({})", self.address)
    }
}

/// Reads the whole request, because a connection that is closed with unread bytes is reset.
///
/// `None` if the request is cut short.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.parse().unwrap());
        if body.len() >= length {
            return Some(text.into_owned());
        }
    }
}
