//! An introspection endpoint (RFC 7662) whose response to each token is chosen by a case.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::StatusCode;
use tokio::net::TcpListener;

/// A response of the endpoint as it is on the wire.
#[derive(Clone)]
pub(crate) struct IntrospectionResponse {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl IntrospectionResponse {
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            fields: vec![("content-type", "application/json".to_owned())],
            body: body.into(),
        }
    }
}

#[derive(Clone, Default)]
pub(crate) struct IntrospectionEndpoint {
    responses: Arc<Mutex<HashMap<String, IntrospectionResponse>>>,
    default: Arc<Mutex<Option<IntrospectionResponse>>>,
    introspected: Arc<Mutex<BTreeSet<String>>>,
}

impl IntrospectionEndpoint {
    /// Starts an endpoint, and returns it with its URL.
    pub(crate) async fn start() -> (Self, String) {
        let endpoint = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/introspect", listener.local_addr().unwrap());
        let responding = endpoint.clone();
        let respond = move |form: String| async move {
            let mut pairs = url::form_urlencoded::parse(form.as_bytes());
            let (_, token) = pairs.find(|(name, _)| name == "token").unwrap();
            responding.respond(&token)
        };
        let app = Router::new().route("/introspect", post(respond));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (endpoint, url)
    }

    pub(crate) fn respond_to(&self, token: &str, response: IntrospectionResponse) {
        let mut responses = self.responses.lock().unwrap();
        responses.insert(token.to_owned(), response);
    }

    /// Sets the response to each token that has no response of its own.
    pub(crate) fn respond_to_all(&self, response: IntrospectionResponse) {
        *self.default.lock().unwrap() = Some(response);
    }

    /// The tokens that were introspected.
    pub(crate) fn introspected(&self) -> BTreeSet<String> {
        self.introspected.lock().unwrap().clone()
    }

    fn respond(&self, token: &str) -> Response {
        self.introspected.lock().unwrap().insert(token.to_owned());
        let chosen = self.responses.lock().unwrap().get(token).cloned();
        let chosen = chosen.or_else(|| self.default.lock().unwrap().clone());
        let chosen = chosen.unwrap_or_else(|| IntrospectionResponse::json(r#"{"active":false}"#));
        let mut response = chosen.body.into_response();
        *response.status_mut() = StatusCode::from_u16(chosen.status).unwrap();
        for (name, value) in chosen.fields {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }
}
