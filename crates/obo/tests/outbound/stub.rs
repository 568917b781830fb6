//! A token endpoint in the process: no socket, so that a paused clock stands still, and any
//! response is possible.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use obo::authorization_server::HttpService;
use obo::authorization_server::ServerMetadata;
use obo::exchange::TokenExchangeBuilder;
use obo::{AuthorizationServer, TokenExchange};
use serde_json::{Value, json};
use tower::service_fn;

use crate::setup::{Setup, client, issuer};

pub(crate) type Reply = Response<Full<Bytes>>;

pub(crate) struct Stub {
    pub(crate) server: AuthorizationServer,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Stub {
    /// Responds instead of the setup's token endpoint. `reply` gets the number of the request, from
    /// 0.
    pub(crate) fn new<F>(
        setup: &Setup,
        reply: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::by_request(setup, move |_, number| reply(number))
    }

    /// The same, with the form of the request too.
    pub(crate) fn by_request<F>(
        setup: &Setup,
        reply: impl Fn(&[(String, String)], usize) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let requests: Arc<Mutex<Vec<Request<Bytes>>>> = Arc::default();
        let noted = Arc::clone(&requests);
        let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
            let form: Vec<_> = form_urlencoded::parse(request.body())
                .into_owned()
                .collect();
            let mut requests = noted.lock().unwrap();
            requests.push(request);
            let reply = reply(&form, requests.len() - 1);
            async move { Ok::<_, std::convert::Infallible>(reply.await) }
        }));
        let metadata = ServerMetadata::new(None, Some("https://idp.example/token")).unwrap();
        Self {
            server: AuthorizationServer::builder(issuer(&setup.idp))
                .with_metadata(metadata)
                .with_http(http)
                .build()
                .unwrap(),
            requests,
        }
    }

    pub(crate) fn exchange(&self) -> TokenExchange {
        self.builder().build().unwrap()
    }

    /// The builder of that exchange.
    pub(crate) fn builder(&self) -> TokenExchangeBuilder {
        TokenExchange::builder(self.server.clone(), client())
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The form of the last request.
    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        let requests = self.requests.lock().unwrap();
        let body = requests.last().expect("a request").body();
        form_urlencoded::parse(body).into_owned().collect()
    }
}

pub(crate) fn json(status: u16, body: &Value) -> Reply {
    let body = Full::from(body.to_string());
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap()
}

/// A success with an opaque token; `more` adds or replaces members, `null` removes them.
pub(crate) fn issued(token: &str, more: Value) -> Reply {
    let mut reply = json!({
        "access_token": token,
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "expires_in": 300,
    });
    let members = reply.as_object_mut().unwrap();
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        match value {
            Value::Null => members.remove(&name),
            value => members.insert(name, value),
        };
    }
    json(200, &reply)
}
