use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use obo_core::{ConfigError, Issuer, Resource, Scope, https_or_loopback};
use serde_json::json;
use tower_service::Service;

use crate::inbound::resource_server::ResourceServer;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata that tells a client which authorization servers issue tokens for this service (RFC 9728).
///
/// It is made from the [`ResourceServer`], so that it cannot say anything else than what is accepted. It is served outside
/// the layer that it helps clients to pass, by axum's `router.route_service(resource.well_known_path(),
/// resource.service())` after `router.layer(layer)`, and the layer names its URL in each `Bearer` challenge:
///
/// ```
/// use obo::{BearerAuthLayer, ProtectedResource, Resource, ResourceServer};
///
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com/realms/corp")
///     .build()?;
/// let api = Resource::new("https://api.example.com/orders")?;
/// let resource = ProtectedResource::new(api, &server)?;
/// assert_eq!(resource.well_known_path(), "/.well-known/oauth-protected-resource/orders");
/// let layer = BearerAuthLayer::new(server).protected_resource(&resource);
/// # Ok::<(), obo::ConfigError>(())
/// ```
///
/// Whether a token's `aud` is the resource identifier is not decided here: the `ResourceServer` has its audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedResource {
    resource: Resource,
    /// How long the origin is, which stands before the path of [`url`](Self::url).
    origin: usize,
    url: String,
    authorization_servers: Vec<Issuer>,
    scopes: Scope,
}

impl ProtectedResource {
    /// The service whose clients know it by this identifier, which tells them of the issuers that `server` trusts.
    ///
    /// # Errors
    ///
    /// When the identifier is not an `https` URL (`http` for loopback only, RFC 9728 section 1.2), or is spelled
    /// otherwise than clients and routers spell it (upper-case host, default port, `..`, characters to be escaped).
    pub fn new(resource: Resource, server: &ResourceServer) -> Result<Self, ConfigError> {
        let identifier = resource.as_str();
        let parsed = https_or_loopback("resource", identifier)?;
        let origin = parsed.origin().ascii_serialization();
        let path = match parsed.path() {
            "/" => "",
            path => path,
        };
        if parsed.as_str() != identifier && parsed.as_str().strip_suffix('/') != Some(identifier) {
            let problem = format!("{identifier:?} is not in normal form; write {parsed}");
            return Err(ConfigError::new("resource", problem));
        }
        Ok(Self {
            origin: origin.len(),
            url: format!("{origin}{WELL_KNOWN}{path}"),
            resource,
            authorization_servers: server.issuers().cloned().collect(),
            scopes: Scope::default(),
        })
    }

    /// Tells clients which scopes are of use here (`scopes_supported`, RFC 9728 section 2); by default nothing is told.
    #[must_use]
    pub fn scopes_supported(mut self, scopes: Scope) -> Self {
        self.scopes = scopes;
        self
    }

    /// Where clients look for the document (RFC 9728 section 3.1): the well-known name before the resource's own path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The path of [`url`](Self::url), for a router.
    pub fn well_known_path(&self) -> &str {
        self.url.get(self.origin..).unwrap_or(WELL_KNOWN)
    }

    /// The document, as JSON.
    pub fn document(&self) -> Bytes {
        let issuers = self.authorization_servers.iter().map(Issuer::as_str);
        let mut document = json!({
            "resource": self.resource.as_str(),
            "authorization_servers": Vec::from_iter(issuers),
            "bearer_methods_supported": ["header"],
        });
        // What has no elements is left out (RFC 9728 section 3.2).
        if let (Some(members), false) = (document.as_object_mut(), self.scopes.is_empty()) {
            members.insert("scopes_supported".to_owned(), self.scopes.iter().collect());
        }
        document.to_string().into()
    }

    /// A service that answers GET and HEAD with the document, to be kept for an hour, and all else with 405.
    pub fn service(&self) -> ProtectedResourceService {
        ProtectedResourceService {
            document: self.document(),
        }
    }
}

/// The service that [`ProtectedResource::service`] makes: it answers whatever path it is asked at.
#[derive(Clone, Debug)]
pub struct ProtectedResourceService {
    document: Bytes,
}

impl<B> Service<Request<B>> for ProtectedResourceService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut response = Response::new(Full::default());
        let is_get = request.method() == Method::GET;
        if !is_get && request.method() != Method::HEAD {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return ready(Ok(response));
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        );
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.document.len()));
        if is_get {
            *response.body_mut() = Full::new(self.document.clone());
        }
        ready(Ok(response))
    }
}
