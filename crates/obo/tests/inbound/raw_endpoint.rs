//! An introspection endpoint that does to each connection what a test says, byte by byte, and the server that asks it.

use std::sync::Arc;

use obo::authorization_server::{HttpService, ServerMetadata};
use obo::{AuthorizationServer, ResourceServer, Trust};
use obo_test_support::RawServer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::asked::service_a;
use crate::guarded;

pub(crate) const ISSUER: &str = "https://idp.example";

pub(crate) struct RawEndpoint {
    pub(crate) url: String,
    server: RawServer,
}

impl RawEndpoint {
    /// Does this after each request, of which a connection has one.
    pub(crate) async fn doing<F>(answer: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let server = RawServer::start(move |stream, _| {
            let answered = answer(stream);
            async move {
                // The other side may have gone away already.
                let _ = answered.await;
            }
        });
        let server = server.await;
        Self {
            url: server.url("/introspect"),
            server,
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
        self.server.requests()
    }

    /// Returns once this many requests have come.
    pub(crate) async fn arrived(&self, count: usize) {
        self.server.arrived(count).await;
    }
}

/// A resource server that asks at this place about every token, through the default client.
pub(crate) fn asking(url: &str) -> ResourceServer {
    let metadata = ServerMetadata::new(None, None).unwrap();
    let metadata = metadata.with_introspection_endpoint(url).unwrap();
    let http = HttpService::default_client();
    let server = AuthorizationServer::builder(ISSUER)
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    guarded::service_a(Trust::new(server).introspect(service_a()))
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
