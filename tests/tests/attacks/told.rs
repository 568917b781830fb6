//! An introspection endpoint that tells of each token what a case makes it tell (RFC 7662).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::StatusCode;
use tokio::net::TcpListener;

/// What is told, as it goes over the wire.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Told {
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
    told: Arc<Mutex<HashMap<String, Told>>>,
    told_of_all: Arc<Mutex<Option<Told>>>,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl IntrospectionEndpoint {
    /// With its URL.
    pub(crate) async fn start() -> (Self, String) {
        let endpoint = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/introspect", listener.local_addr().unwrap());
        let answering = endpoint.clone();
        let answer = move |form: String| async move {
            let mut pairs = url::form_urlencoded::parse(form.as_bytes());
            let (_, token) = pairs.find(|(name, _)| name == "token").unwrap();
            answering.answer(&token)
        };
        let app = Router::new().route("/introspect", post(answer));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (endpoint, url)
    }

    pub(crate) fn will_tell(&self, token: &str, told: Told) {
        self.told.lock().unwrap().insert(token.to_owned(), told);
    }

    /// Tells this of each token that nothing else is told of.
    pub(crate) fn will_tell_of_all(&self, told: Told) {
        *self.told_of_all.lock().unwrap() = Some(told);
    }

    /// The tokens that it was asked about.
    pub(crate) fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, token: &str) -> Response {
        self.asked.lock().unwrap().insert(token.to_owned());
        let told = self.told.lock().unwrap().get(token).cloned();
        let told = told.or_else(|| self.told_of_all.lock().unwrap().clone());
        let told = told.unwrap_or_else(|| Told::json(r#"{"active":false}"#));
        let mut response = told.body.into_response();
        *response.status_mut() = StatusCode::from_u16(told.status).unwrap();
        for (name, value) in told.fields {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }
}
