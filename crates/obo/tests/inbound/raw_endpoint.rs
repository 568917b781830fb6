//! An introspection endpoint whose connections a test controls byte by byte, and a server that uses
//! it.

use std::sync::Arc;

use obo::authorization_server::{HttpService, ServerMetadata};
use obo::{AuthorizationServer, ResourceServer, Trust};
use obo_test_support::RawServer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::guarded;
use crate::introspecting::service_a;

pub(crate) const ISSUER: &str = "https://idp.example";

pub(crate) struct RawEndpoint {
    pub(crate) url: String,
    server: RawServer,
}

impl RawEndpoint {
    /// Does this after each request. A connection has one request.
    pub(crate) async fn doing<F>(respond: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let server = RawServer::start(move |stream, _| {
            let responded = respond(stream);
            async move {
                // The client may have closed the connection.
                let _ = responded.await;
            }
        });
        let server = server.await;
        Self {
            url: server.url("/introspect"),
            server,
        }
    }

    /// Writes this and closes the connection.
    pub(crate) async fn serving(response: impl Into<Vec<u8>>) -> Self {
        let response = Arc::new(response.into());
        Self::doing(move |mut stream| {
            let response = Arc::clone(&response);
            async move { stream.write_all(&response).await }
        })
        .await
    }

    /// A resource server that introspects every token there.
    pub(crate) fn server(&self) -> ResourceServer {
        introspecting_at(&self.url)
    }

    /// All requests, complete.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.server.requests()
    }

    /// Returns after this many requests.
    pub(crate) async fn arrived(&self, count: usize) {
        self.server.arrived(count).await;
    }
}

/// A resource server that introspects every token at this URL, with the default client.
pub(crate) fn introspecting_at(url: &str) -> ResourceServer {
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

/// The introspection response for a token that is accepted.
pub(crate) fn good() -> String {
    format!(
        r#"{{"active":true,"iss":"{ISSUER}","sub":"alice","aud":"service-a","client_id":"app","iat":1,"exp":9000000000,"jti":"t","token_type":"Bearer"}}"#
    )
}
