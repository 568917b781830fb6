//! An upstream that records its requests and responds as configured.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;

/// The head of a recorded request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
}

impl Seen {
    /// The claims of its token.
    pub(crate) fn claims(&self) -> serde_json::Value {
        use base64::Engine as _;
        let authorization = self.headers["authorization"].to_str().unwrap();
        let token = authorization.strip_prefix("Bearer ").unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
        serde_json::from_slice(&payload.unwrap()).unwrap()
    }
}

type Responding = Pin<Box<dyn Future<Output = Response> + Send>>;
type Respond = Box<dyn FnOnce(Request) -> Responding + Send>;

#[derive(Clone, Default)]
pub(crate) struct Upstream {
    seen: Arc<Mutex<Vec<Seen>>>,
    responses: Arc<Mutex<VecDeque<Respond>>>,
}

impl Upstream {
    /// Its URL, without a slash at the end.
    pub(crate) async fn start() -> (Self, String) {
        let upstream = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = upstream.clone();
        let app = Router::new().fallback(move |request| service.clone().respond(request));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (upstream, url)
    }

    /// All requests so far, oldest first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The only request.
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    /// Responds to the next request with this. By default, a request gets its own body back.
    pub(crate) fn will<F>(&self, respond: impl FnOnce(Request) -> F + Send + 'static)
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let respond: Respond = Box::new(move |request| Box::pin(respond(request)));
        self.responses.lock().unwrap().push_back(respond);
    }

    /// Reads the next request, and responds with this status and these fields.
    pub(crate) fn will_say(&self, status: u16, fields: &[(&'static str, &'static str)]) {
        let mut response = http::Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let response = response.body(Body::empty()).unwrap();
        self.will(|request| async {
            request.into_body().collect().await.unwrap();
            response
        });
    }

    /// Responds to the next request with this status and document.
    pub(crate) fn will_answer(&self, status: u16, document: serde_json::Value) {
        let response = http::Response::builder().status(status);
        let response = response.header("content-type", "application/json");
        let response = response.body(Body::from(document.to_string())).unwrap();
        self.will(|_| std::future::ready(response));
    }

    async fn respond(self, request: Request) -> Response {
        self.seen.lock().unwrap().push(Seen {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
        });
        let respond = self.responses.lock().unwrap().pop_front();
        match respond {
            Some(respond) => respond(request).await,
            None => Response::new(request.into_body()),
        }
    }
}

/// Reads a whole body.
pub(crate) async fn read(
    body: impl http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
) -> Bytes {
    body.collect().await.unwrap().to_bytes()
}
