use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use tokio::time::Instant;

use crate::flight::Flights;
use crate::http::{Limits, retry_after};
use crate::{ConfigError, HttpService, Issuer, KeyRefresh, ServerMetadata};

/// How long a discovery document is believed.
const MAX_AGE: Duration = Duration::from_secs(3600);

const LIMITS: Limits = Limits {
    body: 256 * 1024,
    deadline: Duration::from_secs(5),
};

/// An authorization server: its issuer, and where its keys and its token endpoint are.
///
/// The places come from the discovery document (OpenID Connect Discovery, RFC 8414), which is fetched at first need, or
/// are given. Nothing of a document is used unless it names exactly this issuer (RFC 8414 section 3.3). Clones share
/// what was discovered; give the same value to both the inbound and the outbound side.
#[derive(Clone)]
pub struct AuthorizationServer {
    inner: Arc<Inner>,
    key_refresh: KeyRefresh,
}

struct Inner {
    issuer: Issuer,
    http: HttpService,
    given: Option<Arc<ServerMetadata>>,
    discovered: ArcSwapOption<Discovered>,
    flights: Arc<Flights<(), Result<Arc<ServerMetadata>, DiscoveryError>>>,
}

struct Discovered {
    metadata: Arc<ServerMetadata>,
    at: Instant,
}

/// Why the places are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("discovery of {issuer} failed: {problem}")]
pub(crate) struct DiscoveryError {
    issuer: Issuer,
    problem: String,
    /// How long the server asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl AuthorizationServer {
    /// Discovers the places through `http`, at first need.
    pub fn discover(issuer: Issuer, http: HttpService) -> Self {
        Self::new(issuer, http, None)
    }

    /// Takes the places as given: no discovery (MD-09).
    pub fn with_metadata(issuer: Issuer, metadata: ServerMetadata, http: HttpService) -> Self {
        Self::new(issuer, http, Some(Arc::new(metadata)))
    }

    fn new(issuer: Issuer, http: HttpService, given: Option<Arc<ServerMetadata>>) -> Self {
        let inner = Inner {
            issuer,
            http,
            given,
            discovered: ArcSwapOption::empty(),
            flights: Flights::new(1),
        };
        Self {
            inner: Arc::new(inner),
            key_refresh: KeyRefresh::new(),
        }
    }

    /// Fetches this server's keys by another schedule than [`KeyRefresh::new`]'s, where tokens are validated.
    ///
    /// ```
    /// use std::time::Duration;
    /// use obo::{Audience, AuthorizationServer, Issuer, KeyRefresh, ResourceServer};
    ///
    /// let idp = AuthorizationServer::from(Issuer::new("https://idp.example.com")?)
    ///     .key_refresh(KeyRefresh::new().max_age(Duration::from_secs(600)))?;
    /// let server = ResourceServer::new(Audience::new("service-a")?, idp);
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a duration is out of its bounds; the error's field is the name of the method that set it.
    pub fn key_refresh(mut self, key_refresh: KeyRefresh) -> Result<Self, ConfigError> {
        self.key_refresh = key_refresh.checked()?;
        Ok(self)
    }

    /// The issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.inner.issuer
    }

    pub(crate) fn http(&self) -> &HttpService {
        &self.inner.http
    }

    pub(crate) fn keys_refreshed(&self) -> KeyRefresh {
        self.key_refresh
    }

    /// The places; an outdated document goes on being used while a new one cannot be had.
    pub(crate) async fn metadata(&self) -> Result<Arc<ServerMetadata>, DiscoveryError> {
        let inner = &self.inner;
        if let Some(given) = &inner.given {
            return Ok(Arc::clone(given));
        }
        let known = inner.discovered.load_full();
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < MAX_AGE) {
            return Ok(Arc::clone(&known.metadata));
        }
        let flight = inner.flights.join((), || discover(Arc::clone(inner)));
        let discovered = match flight {
            Ok(landing) => landing.await.ok(),
            Err(_) => None,
        };
        match (discovered, known) {
            (Some(Ok(metadata)), _) => Ok(metadata),
            (_, Some(known)) => Ok(Arc::clone(&known.metadata)),
            (Some(Err(error)), None) => Err(error),
            (None, None) => Err(inner.error("the fetch was interrupted")),
        }
    }
}

#[cfg(feature = "default-client")]
impl From<Issuer> for AuthorizationServer {
    /// Discovers the places with the default client.
    fn from(issuer: Issuer) -> Self {
        Self::discover(issuer, HttpService::default_client())
    }
}

impl Inner {
    fn error(&self, problem: impl fmt::Display) -> DiscoveryError {
        DiscoveryError {
            issuer: self.issuer.clone(),
            problem: problem.to_string(),
            retry_after: None,
        }
    }
}

/// Tries the well-known places in order; the next one only where this one says that nothing is there (MD-04).
async fn discover(server: Arc<Inner>) -> Result<Arc<ServerMetadata>, DiscoveryError> {
    for url in server.issuer.well_known_urls() {
        let answer = server
            .http
            .send(get(&url).map_err(|e| server.error(e))?, LIMITS)
            .await
            .map_err(|error| server.error(error))?;
        match answer.status() {
            StatusCode::OK => {
                let metadata = ServerMetadata::parse(&server.issuer, answer.body())
                    .map_err(|error| server.error(error))?;
                let metadata = Arc::new(metadata);
                server.discovered.store(Some(Arc::new(Discovered {
                    metadata: Arc::clone(&metadata),
                    at: Instant::now(),
                })));
                return Ok(metadata);
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {}
            status => {
                return Err(DiscoveryError {
                    retry_after: retry_after(answer.headers()),
                    ..server.error(format_args!("{url} answered {status}"))
                });
            }
        }
    }
    Err(server.error("no discovery document at any of the well-known places; give the metadata"))
}

/// A request for a JSON document.
pub(crate) fn get(url: &str) -> Result<Request<Bytes>, http::Error> {
    Request::get(url)
        .header(header::ACCEPT, "application/json")
        .body(Bytes::new())
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationServer({:?})", self.inner.issuer.as_str())
    }
}
