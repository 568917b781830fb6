//! An issuer in the process. Without sockets, paused time does not run ahead of it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::{AuthorizationServer, Issuer};
use obo_test_support::soon;
use obo_testkit::{TestAlg, TestKey, TokenBuilder};
use serde_json::json;
use tokio::sync::watch;
use tower::service_fn;

/// The paths of the documents below the issuer.
pub(crate) const JWKS: &str = "/jwks";
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// The response to a request for a document.
#[derive(Clone)]
pub(crate) enum Reply {
    /// JSON, or any text with that media type.
    Body(String),
    Status(u16),
    /// A status with one header.
    Header(u16, header::HeaderName, &'static str),
    /// The unchanged document, with this `Cache-Control`.
    Fresh(&'static str),
    /// A document with this media type.
    Typed(&'static str, String),
    /// The connection breaks.
    Reset,
    /// A status after this many seconds.
    Slow(u64, u16),
    /// No response until [`FakeIssuer::heal`].
    Hang,
    /// No response until [`FakeIssuer::release`], then this document.
    Held(String),
    /// The body starts and never continues.
    Half,
    /// The body never ends.
    Endless,
}

/// The issuer. Clones share its state.
#[derive(Clone)]
pub(crate) struct FakeIssuer {
    issuer: String,
    mint: obo_testkit::TestIdp,
    state: Arc<Mutex<State>>,
    arrived: watch::Sender<usize>,
    healed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    published: Vec<(String, TestKey)>,
    signing: Option<(String, TestKey)>,
    replies: HashMap<String, Reply>,
    requests: Vec<String>,
}

impl FakeIssuer {
    /// An issuer that publishes one key, `k1`.
    pub(crate) async fn new() -> Self {
        Self::named("https://idp.example").await
    }

    pub(crate) async fn named(issuer: &str) -> Self {
        let fake = Self {
            issuer: issuer.to_owned(),
            mint: obo_testkit::TestIdp::start().await,
            state: Arc::default(),
            arrived: watch::Sender::new(0),
            healed: watch::Sender::new(()),
        };
        fake.rotate("k1");
        fake
    }

    /// Publishes a new key and signs with it from now on.
    pub(crate) fn rotate(&self, kid: &str) {
        let key = (kid.to_owned(), TestKey::generate(TestAlg::Es256));
        let mut state = self.state();
        state.published.push(key.clone());
        state.signing = Some(key);
    }

    /// Publishes a key that it does not sign with.
    pub(crate) fn publish(&self, kid: &str, key: &TestKey) {
        self.state().published.push((kid.to_owned(), key.clone()));
    }

    /// Stops publishing the key with this name.
    pub(crate) fn withdraw(&self, kid: &str) {
        self.state().published.retain(|(name, _)| name != kid);
    }

    pub(crate) fn withdraw_all(&self) {
        self.state().published.clear();
    }

    /// Replaces the response for one document, until healed.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.state().replies.insert(path.to_owned(), reply);
    }

    /// Serves all documents unchanged again, also to requests that wait.
    pub(crate) fn heal(&self) {
        self.state().replies.clear();
        self.release();
    }

    /// Responds to the requests that wait.
    pub(crate) fn release(&self) {
        self.healed.send_replace(());
    }

    /// A token for `service-a`, signed with the latest key.
    pub(crate) fn token(&self) -> TokenBuilder {
        let alice = self.mint.user("alice");
        self.signed(alice.audience("service-a").scope("orders:read"))
    }

    /// A token of this issuer, signed with the latest key.
    pub(crate) fn signed(&self, token: TokenBuilder) -> TokenBuilder {
        let (kid, key) = self.state().signing.clone().unwrap();
        token.issuer(&self.issuer).sign_with(&key).kid(Some(&kid))
    }

    /// Builds tokens of other kinds, for [`signed`](Self::signed).
    pub(crate) fn mint(&self) -> &obo_testkit::TestIdp {
        &self.mint
    }

    /// This issuer, with discovery.
    pub(crate) fn server(&self) -> AuthorizationServer {
        AuthorizationServer::builder(self.id())
            .with_http(self.http())
            .build()
            .unwrap()
    }

    /// This issuer, with the URL of its key set.
    pub(crate) fn known(&self) -> AuthorizationServer {
        let jwks_uri = format!("{}{JWKS}", self.issuer);
        let metadata = ServerMetadata::new(Some(&jwks_uri), None).unwrap();
        AuthorizationServer::builder(self.id())
            .with_metadata(metadata)
            .with_http(self.http())
            .build()
            .unwrap()
    }

    pub(crate) fn id(&self) -> Issuer {
        Issuer::new(&*self.issuer).unwrap()
    }

    /// The number of requests for the key set.
    pub(crate) fn fetches(&self) -> usize {
        let requests = &self.state().requests;
        requests.iter().filter(|path| *path == JWKS).count()
    }

    /// The requested paths, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// Returns after this many requests, with or without a response.
    pub(crate) async fn arrived(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        let all = arrived.wait_for(|seen| *seen >= count);
        drop(soon(&format!("{count} requests"), all).await.unwrap());
    }

    /// The key set document.
    pub(crate) fn key_set(&self) -> String {
        let state = self.state();
        let published = state.published.iter();
        let keys: Vec<_> = published.map(|(kid, key)| key.public_jwk(kid)).collect();
        json!({ "keys": keys }).to_string()
    }

    pub(crate) fn http(&self) -> HttpService {
        let fake = self.clone();
        HttpService::new(service_fn(move |request: Request<Bytes>| {
            let fake = fake.clone();
            async move { fake.respond(&request.uri().to_string()).await }
        }))
    }

    async fn respond(&self, url: &str) -> Result<Response<Body>, std::io::Error> {
        let path = url.strip_prefix(&self.issuer).unwrap_or(url);
        let mut healed = self.healed.subscribe();
        let reply = {
            let mut state = self.state();
            state.requests.push(path.to_owned());
            state.replies.get(path).cloned()
        };
        self.arrived.send_modify(|seen| *seen += 1);
        let response = match reply {
            None => self.document(path),
            Some(Reply::Body(body)) => typed("application/json", body),
            Some(Reply::Status(status)) => response(status),
            Some(Reply::Header(status, name, value)) => {
                let mut response = response(status);
                response.headers_mut().insert(name, value.parse().unwrap());
                response
            }
            Some(Reply::Typed(media_type, body)) => typed(media_type, body),
            Some(Reply::Fresh(value)) => {
                let mut response = self.document(path);
                let value = value.parse().unwrap();
                response.headers_mut().insert(header::CACHE_CONTROL, value);
                response
            }
            Some(Reply::Slow(seconds, status)) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                response(status)
            }
            Some(Reply::Reset) => return Err(std::io::ErrorKind::ConnectionReset.into()),
            Some(Reply::Hang) => {
                healed.changed().await.unwrap();
                self.document(path)
            }
            Some(Reply::Held(body)) => {
                healed.changed().await.unwrap();
                typed("application/json", body)
            }
            Some(Reply::Half) => {
                let rest = stream::once(async { chunk() }).chain(stream::pending());
                return Ok(Response::new(StreamBody::new(rest).boxed_unsync()));
            }
            Some(Reply::Endless) => {
                let chunks = stream::repeat_with(chunk);
                return Ok(Response::new(StreamBody::new(chunks).boxed_unsync()));
            }
        };
        Ok(response.map(|body| Full::new(body.into()).boxed_unsync()))
    }

    fn document(&self, path: &str) -> Response<String> {
        let jwks_uri = format!("{}{JWKS}", self.issuer);
        match path {
            JWKS => Response::new(self.key_set()),
            OPENID | OAUTH => {
                Response::new(json!({ "issuer": self.issuer, "jwks_uri": jwks_uri }).to_string())
            }
            _ => response(404),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn chunk() -> Result<Frame<Bytes>, Infallible> {
    Ok(Frame::data(Bytes::from_static(&[b' '; 1024])))
}

fn response(status: u16) -> Response<String> {
    Response::builder()
        .status(status)
        .body(String::new())
        .unwrap()
}

fn typed(media_type: &str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    let value = media_type.parse().unwrap();
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
