//! A token endpoint that handles each connection as a test says.

use obo::authorization_server::{HttpService, ServerMetadata};
use obo::{AuthorizationServer, TokenExchange};
use tokio::net::TcpStream;

use crate::setup::{Setup, client, issuer};

pub(crate) struct RawServer {
    pub(crate) url: String,
    server: obo_test_support::RawServer,
}

impl RawServer {
    pub(crate) async fn start<F>(reply: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let server = obo_test_support::RawServer::start(move |stream, _| reply(stream)).await;
        Self {
            url: server.url("/token"),
            server,
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.server.requests().len()
    }

    /// The first lines and headers of the requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        let head = |request: String| request.split("\r\n\r\n").next().unwrap().to_owned();
        self.server.requests().into_iter().map(head).collect()
    }

    /// Returns when the next request has been read.
    pub(crate) async fn request(&self) {
        self.server.request().await;
    }

    /// An exchange at this token endpoint.
    pub(crate) fn exchange(&self, setup: &Setup) -> TokenExchange {
        let metadata = ServerMetadata::new(None, Some(&self.url)).unwrap();
        let http = HttpService::default_client();
        let server = AuthorizationServer::builder(issuer(&setup.idp))
            .with_metadata(metadata)
            .with_http(http)
            .build()
            .unwrap();
        TokenExchange::builder(server, client()).build().unwrap()
    }
}
