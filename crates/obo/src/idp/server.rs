mod builder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use obo_core::metadata::ServerMetadata;
use obo_core::{Issuer, retry_after};
use tokio::time::{Instant, timeout};

pub use builder::AuthorizationServerBuilder;

use crate::clock::Clock;
use crate::idp::cached::{Cached, Entry};
use crate::idp::http::{HttpError, HttpService, Limits};
use crate::idp::schedule::{FIRST_BACKOFF, Pace};
use crate::observe;

/// The age at which a discovery document is renewed in the background.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// A century.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A document is used at any age, while renewals are tried.
const PACE: Pace = Pace {
    renewals_per_age: 1,
    patience: Duration::from_secs(1),
    first_backoff: Duration::from_secs(60),
    cooldown: Duration::from_secs(60),
    is_strict: false,
};

/// For all well-known URLs together.
pub(crate) const DISCOVERY_DEADLINE: Duration = Duration::from_secs(5);

const LIMITS: Limits = Limits {
    body: 256 * 1024,
    deadline: DISCOVERY_DEADLINE,
};

/// An authorization server: its issuer, and the URLs of its keys and endpoints.
///
/// The URLs are given, or come from the discovery document (OpenID Connect Discovery, RFC 8414),
/// which is fetched when it is first needed. A document is only used if it names exactly this
/// issuer (RFC 8414 section 3.3). It is renewed in the background when it is an hour old or when
/// its URLs fail. Only a request without a document waits for one, 5 s at most.
///
/// Clones share the document. Give the same value to the inbound and the outbound side.
///
/// ```
/// use obo::{AuthorizationServer, ResourceServer};
///
/// let idp = AuthorizationServer::builder("https://idp.example.com/realms/corp").build()?;
/// let server = ResourceServer::builder("service-a").trust(idp).build()?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct AuthorizationServer(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    http: HttpService,
    given: Option<Arc<ServerMetadata>>,
    discovered: Cached<Arc<ServerMetadata>, DiscoveryError>,
}

/// Why the URLs are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("discovery of {issuer} failed: {problem}")]
pub(crate) struct DiscoveryError {
    issuer: Issuer,
    problem: String,
    /// The pause that the server requests.
    pub(crate) retry_after: Option<Duration>,
}

impl AuthorizationServer {
    fn new(issuer: Issuer, http: HttpService, given: Option<Arc<ServerMetadata>>) -> Self {
        Self(Arc::new(Inner {
            issuer,
            http,
            given,
            discovered: Cached::new(PACE),
        }))
    }

    /// Returns the issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    pub(crate) fn http(&self) -> &HttpService {
        &self.0.http
    }

    /// Returns the metadata. Only a caller without a document waits. An outdated document is used
    /// at once, while a renewal runs in the background.
    pub(crate) async fn metadata(
        &self,
        clock: &Clock,
    ) -> Result<Arc<ServerMetadata>, DiscoveryError> {
        let inner = &self.0;
        if let Some(given) = &inner.given {
            return Ok(Arc::clone(given));
        }
        let (discovered, now) = (&inner.discovered, Instant::now());
        let fetch = || discover(Arc::clone(inner), clock.clone());
        if let Some(known) = &*discovered.load() {
            discovered.tend(known, (now, clock.now()), fetch);
            return Ok(Arc::clone(&known.value));
        }
        if let Some((_, error)) = discovered.pause(now) {
            return Err(error);
        }
        let interrupted = || inner.error("the fetch was interrupted");
        let flight = discovered.refresh_since(now, fetch);
        let flight = flight.map_err(|_| interrupted())?;
        flight.await.map_err(|_| interrupted())??;
        let found = discovered.load();
        let found = found.as_ref().ok_or_else(interrupted)?;
        Ok(Arc::clone(&found.value))
    }

    /// Whether the metadata is given or has been fetched. Otherwise fetches it in the background,
    /// unless a fetch has just failed.
    pub(crate) fn has_started(&self, clock: &Clock) -> bool {
        let (inner, discovered, now) = (&self.0, &self.0.discovered, Instant::now());
        let has_started = inner.given.is_some() || discovered.load().is_some();
        if !has_started && discovered.pause(now).is_none() {
            // The fetch continues in the background.
            let fetch = || discover(Arc::clone(inner), clock.clone());
            let _ = discovered.refresh_since(now, fetch);
        }
        has_started
    }

    /// Records that URLs of the metadata failed: the document may be wrong, or may have been fixed.
    /// It is renewed at its next use instead of when it is an hour old.
    pub(crate) fn doubt(&self, metadata: &Arc<ServerMetadata>) {
        let discovered = &self.0.discovered;
        let is_it = |known: &Arc<Entry<_>>| Arc::ptr_eq(&known.value, metadata);
        if discovered.load().as_ref().is_some_and(is_it) {
            discovered.plan(|calendar| calendar.schedule.doubted());
        }
    }
}

impl Inner {
    /// Tries the well-known URLs in order, until one has a document.
    ///
    /// Any other response at a URL does not affect the next one. A server that does not respond, or
    /// requests a pause, gets no further request.
    async fn look(&self) -> Result<Arc<ServerMetadata>, DiscoveryError> {
        let mut seen = Vec::new();
        for url in self.issuer.well_known_urls() {
            let request = get(&url, DOCUMENT).map_err(|error| self.error(error))?;
            let response = match self.http.send(request, LIMITS).await {
                Ok(response) => response,
                Err(error @ HttpError::TooLong(_)) => {
                    seen.push(format!("{url}: {error}"));
                    continue;
                }
                Err(error) => return Err(self.error(error)),
            };
            match response.status() {
                StatusCode::OK => match ServerMetadata::parse(&self.issuer, response.body()) {
                    Ok(metadata) => return Ok(Arc::new(metadata)),
                    Err(error) if error.field() == "issuer" => return Err(self.error(error)),
                    Err(error) => seen.push(format!("{url}: {error}")),
                },
                status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                    return Err(DiscoveryError {
                        retry_after: retry_after(response.headers(), Clock::system().now()),
                        ..self.error(format_args!("{url} responded with {status}"))
                    });
                }
                status => seen.push(format!("{url} responded with {status}")),
            }
        }
        Err(self.error(format_args!(
            "no discovery document at any of the well-known URLs ({}); correct the issuer, or set the metadata by `AuthorizationServerBuilder::with_metadata` (`jwks_uri` and `token_endpoint` in a file)",
            seen.join("; ")
        )))
    }

    fn error(&self, problem: impl fmt::Display) -> DiscoveryError {
        DiscoveryError {
            issuer: self.issuer.clone(),
            problem: problem.to_string(),
            retry_after: None,
        }
    }
}

/// Fetches a document and publishes it. If that fails, the known document stays in use.
async fn discover(server: Arc<Inner>, clock: Clock) -> Result<(), DiscoveryError> {
    let found = timeout(DISCOVERY_DEADLINE, server.look()).await;
    let found = found.unwrap_or_else(|_| {
        Err(server.error(format_args!("no document within {DISCOVERY_DEADLINE:?}")))
    });
    match found {
        Ok(metadata) => {
            let times = (Instant::now(), clock.now());
            let entry = Entry::new(metadata, times, MAX_AGE, FOREVER);
            server.discovered.publish(MAX_AGE, |_| Some(entry));
            Ok(())
        }
        Err(error) => {
            if server.discovered.load().is_some() {
                observe::not_rediscovered(&server.issuer, &error.problem);
            }
            let pause = error.retry_after.unwrap_or_default().max(FIRST_BACKOFF);
            server.discovered.failed(error.clone(), pause, 0.0);
            Err(error)
        }
    }
}

/// A server that cannot send JSON may send anything: the response is read by its content.
const DOCUMENT: &str = "application/json, */*;q=0.1";
/// RFC 7517 section 8.5.2.
pub(crate) const KEY_SET: &str = "application/jwk-set+json, application/json;q=0.9, */*;q=0.1";

/// A request for a JSON document.
pub(crate) fn get(url: &str, accept: &'static str) -> Result<Request<Bytes>, http::Error> {
    Request::get(url)
        .header(header::ACCEPT, accept)
        .body(Bytes::new())
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationServer({:?})", self.0.issuer.as_str())
    }
}
