//! An introspection endpoint that does to each connection what a test says, byte by byte, and the server that asks it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use obo::authorization_server::{HttpService, ServerMetadata};
use obo::{AuthorizationServer, Issuer, ResourceServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::asked::{policy, service_a};

pub(crate) const ISSUER: &str = "https://idp.example";

pub(crate) struct RawEndpoint {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    arrived: watch::Sender<usize>,
    _accepting: JoinSet<()>,
}

impl RawEndpoint {
    /// Does this after each request, of which a connection may have several.
    pub(crate) async fn doing<F>(answer: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/introspect", listener.local_addr().unwrap());
        let (requests, arrived) = (
            Arc::<Mutex<Vec<String>>>::default(),
            watch::Sender::new(0_usize),
        );
        let (noted, signal) = (Arc::clone(&requests), arrived.clone());
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, signal, answer) = (Arc::clone(&noted), signal.clone(), answer.clone());
                connections.spawn(async move {
                    let Some((request, stream)) = read(stream).await else {
                        return;
                    };
                    noted.lock().unwrap().push(request);
                    signal.send_modify(|count| *count += 1);
                    // The other side may have gone away already.
                    let _ = answer(stream).await;
                });
            }
        });
        Self {
            url,
            requests,
            arrived,
            _accepting: accepting,
        }
    }

    /// Writes this and closes the connection.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::doing(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move { stream.write_all(&answer).await }
        })
        .await
    }

    /// A resource server that asks it about every token.
    pub(crate) fn server(&self) -> ResourceServer {
        asking(&self.url)
    }

    /// All that was sent to it, whole.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns once this many requests have come.
    pub(crate) async fn arrived(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        arrived.wait_for(|seen| *seen >= count).await.unwrap();
    }
}

/// A request is read to its last byte: closing a connection with unread bytes would reset it.
async fn read(mut stream: TcpStream) -> Option<(String, TcpStream)> {
    let mut read = Vec::new();
    while !read.ends_with(b"token_type_hint=access_token") {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some((String::from_utf8(read).unwrap(), stream))
}

/// A resource server that asks at this place about every token, through the default client.
pub(crate) fn asking(url: &str) -> ResourceServer {
    let issuer = Issuer::new(ISSUER).unwrap();
    let metadata = ServerMetadata::new(None, None).unwrap();
    let metadata = metadata.with_introspection_endpoint(url).unwrap();
    let http = HttpService::default_client();
    let server = AuthorizationServer::with_metadata(issuer.clone(), metadata, http);
    ResourceServer::introspecting(policy(&issuer), server, service_a()).unwrap()
}

pub(crate) fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

pub(crate) fn ok(body: &str) -> String {
    http("200 OK", body)
}

/// What is said of a token that is accepted.
pub(crate) fn good() -> String {
    format!(
        r#"{{"active":true,"iss":"{ISSUER}","sub":"alice","aud":"service-a","client_id":"app","iat":1,"exp":9000000000,"jti":"t","token_type":"Bearer"}}"#
    )
}
