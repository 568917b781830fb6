//! A service on a socket that `obo` protects. It keeps what it has received.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::map_request_with_state;
use http::header::WWW_AUTHENTICATE;
use http::{Extensions, HeaderMap};
use obo::{BearerAuthLayer, Caller, ResourceServer};
use tokio::net::TcpListener;

use crate::peer::http;
use crate::tls::{Authority, Identity};

pub(crate) struct Guarded {
    pub(crate) url: String,
    received: Received,
}

/// The headers of all requests, and the callers of those that were admitted.
#[derive(Clone, Default)]
pub(crate) struct Received {
    headers: Arc<Mutex<Vec<HeaderMap>>>,
    callers: Arc<Mutex<Vec<Caller>>>,
}

impl Received {
    /// A router around this resource server.
    pub(crate) fn app(&self, server: ResourceServer) -> Router {
        async fn record(State(received): State<Received>, request: Request) -> Request {
            let headers = request.headers().clone();
            received.headers.lock().unwrap().push(headers);
            request
        }
        async fn admitted(State(received): State<Received>, extensions: Extensions) {
            let caller = extensions.get::<Caller>().unwrap().clone();
            received.callers.lock().unwrap().push(caller);
        }
        Router::new()
            .fallback(admitted)
            .layer(BearerAuthLayer::new(server))
            .layer(map_request_with_state(self.clone(), record))
            .with_state(self.clone())
    }

    /// The headers of the last request.
    pub(crate) fn last(&self) -> HeaderMap {
        self.headers.lock().unwrap().last().unwrap().clone()
    }

    /// The last caller.
    pub(crate) fn caller(&self) -> Caller {
        self.callers.lock().unwrap().last().unwrap().clone()
    }

    /// How many requests were received, and how many were admitted.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let headers = self.headers.lock().unwrap().len();
        (headers, self.callers.lock().unwrap().len())
    }
}

impl Guarded {
    /// Serves what `server` builds for this URL.
    pub(crate) async fn start(server: impl FnOnce(&str) -> ResourceServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Received::default();
        let app = received.app(server(&url));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, received }
    }

    /// As [`start`](Self::start), over TLS.
    pub(crate) async fn start_tls(
        server: ResourceServer,
        authority: &Authority,
        known: &[Identity],
    ) -> Self {
        let received = Received::default();
        let url = authority.serve(received.app(server), known).await;
        Self { url, received }
    }

    /// Sends `GET path` with these headers. Returns the status and the challenges.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        self.get_by(&http(), path, headers).await
    }

    /// As [`get`](Self::get), by this client.
    pub(crate) async fn get_by(
        &self,
        client: &reqwest::Client,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, String) {
        let mut request = client.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenges: Vec<_> = challenges.map(|line| line.to_str().unwrap()).collect();
        (response.status().as_u16(), challenges.join(", "))
    }
}

impl std::ops::Deref for Guarded {
    type Target = Received;

    fn deref(&self) -> &Received {
        &self.received
    }
}
