use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use obo_core::ConfigError;
use reqwest::{Certificate, Client, ClientBuilder, Identity};
use tower::service_fn;
use zeroize::Zeroizing;

use super::{HttpService, TlsIdentity};
use crate::box_error::{BoxError, with_causes};

const USER_AGENT: &str = concat!("obo/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection is kept, so that a dead one is closed within this time.
const IDLE: Duration = Duration::from_secs(25);
/// When the peer of a silent connection is probed, how often, and how many probes may be lost: 25 s
/// to detect a dead peer.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent data may stay unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

pub(super) fn new() -> HttpService {
    service(client(Client::builder()))
}

pub(super) fn with_identity(identity: &TlsIdentity) -> Result<HttpService, ConfigError> {
    let wrong = |field, error: reqwest::Error| {
        let problem = format!("cannot be used: {}", with_causes(&error));
        ConfigError::new(field, problem)
    };
    let key = identity.key().expose();
    let pem = Zeroizing::new([identity.chain(), "\n", key].concat());
    let own = Identity::from_pem(pem.as_bytes()).map_err(|error| wrong("key", error))?;
    let mut builder = Client::builder().identity(own);
    if let Some(roots) = identity.roots() {
        let roots = Certificate::from_pem_bundle(roots.as_bytes());
        builder = builder.tls_certs_only(roots.map_err(|error| wrong("roots", error))?);
    }
    let encrypted = client(builder).map_err(|error| wrong("key", error))?;
    Ok(service(Ok(encrypted)))
}

fn service(encrypted: reqwest::Result<Client>) -> HttpService {
    // `http` is for loopback and for `danger_` settings: a proxy would forward secrets in the
    // clear.
    let plain = client(Client::builder().no_proxy().tls_certs_only([]));
    // Without root certificates or a provider there is no TLS: each request fails with the reason.
    let clients = encrypted
        .and_then(|encrypted| Ok((DefaultClient::new(encrypted), DefaultClient::new(plain?))))
        .map_err(|error| format!("the HTTP client could not be set up: {error}"));
    HttpService::new(service_fn(move |request: Request<Bytes>| {
        let clients = clients.clone();
        async move {
            let (encrypted, plain) = clients?;
            match request.uri().scheme_str() {
                Some(scheme) if scheme.eq_ignore_ascii_case("http") => plain.send(request).await,
                _ => encrypted.send(request).await,
            }
        }
    }))
}

fn client(builder: ClientBuilder) -> reqwest::Result<Client> {
    let builder = builder
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(USER_AGENT)
        // Another crate may enable HTTP/2, where one dead connection would serve all requests.
        .http1_only()
        .pool_idle_timeout(IDLE)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE_INTERVAL)
        .tcp_keepalive_retries(KEEPALIVE_RETRIES);
    #[cfg(target_os = "linux")]
    let builder = builder.tcp_user_timeout(UNACKNOWLEDGED);
    builder.build()
}

#[derive(Clone)]
struct DefaultClient {
    client: Client,
    /// Whether there was a response, so that a connection may be reused.
    has_responses: Arc<AtomicBool>,
}

impl DefaultClient {
    fn new(client: Client) -> Self {
        Self {
            client,
            has_responses: Arc::default(),
        }
    }

    async fn send(self, request: Request<Bytes>) -> Result<Response<reqwest::Body>, BoxError> {
        let request = reqwest::Request::try_from(request)?;
        // A POST may have been processed, and its assertion is for one use: the sender makes
        // another one.
        let second = match *request.method() {
            Method::GET if self.has_responses.load(Ordering::Relaxed) => request.try_clone(),
            _ => None,
        };
        let response = match (self.client.execute(request).await, second) {
            // The server may have closed the reused connection (RFC 9112 section 9.3.1).
            (Err(error), Some(second)) if error.is_request() && !error.is_connect() => {
                self.client.execute(second).await
            }
            (response, _) => response,
        }?;
        self.has_responses.store(true, Ordering::Relaxed);
        Ok(response.into())
    }
}
