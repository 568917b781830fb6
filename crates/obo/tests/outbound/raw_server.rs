//! A TCP server that reads one HTTP request per connection and then does to the connection what a test says.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use obo::authorization_server::HttpService;
use obo::authorization_server::ServerMetadata;
use obo::{AuthorizationServer, TokenExchange};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::setup::{Setup, client, issuer};

pub(crate) struct RawServer {
    pub(crate) url: String,
    /// The heads of the requests.
    requests: Arc<Mutex<Vec<String>>>,
    arrived: Arc<Notify>,
    _accepting: JoinSet<()>,
}

impl RawServer {
    pub(crate) async fn start<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let (requests, arrived) = (
            Arc::<Mutex<Vec<String>>>::default(),
            Arc::<Notify>::default(),
        );
        let (noted, signal) = (Arc::clone(&requests), Arc::clone(&arrived));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = read_request(&mut stream).await;
                noted.lock().unwrap().push(head);
                signal.notify_one();
                connections.spawn(answer(stream));
            }
        });
        Self {
            url,
            requests,
            arrived,
            _accepting: accepting,
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.heads().len()
    }

    /// The first lines and headers of the requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns when a request has been read that nobody waited for yet.
    pub(crate) async fn request(&self) {
        self.arrived.notified().await;
    }

    /// An exchange whose token endpoint this is.
    pub(crate) fn exchange(&self, setup: &Setup) -> TokenExchange {
        let metadata = ServerMetadata::new(None, Some(&self.url)).unwrap();
        let http = HttpService::default_client();
        let server = AuthorizationServer::with_metadata(issuer(&setup.idp), metadata, http);
        TokenExchange::builder(server, client()).build().unwrap()
    }
}

/// Its head, once it is read to its last byte: closing a connection with unread bytes would reset it.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let more = stream.read_buf(&mut read).await.unwrap();
        assert!(more > 0, "a request cut short");
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
            return head.to_owned();
        }
    }
}
