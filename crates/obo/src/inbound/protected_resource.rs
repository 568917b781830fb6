use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use obo_core::binding::BindingChecks;
use obo_core::{Algorithm, ConfigError, Issuer, Resource, Scope, https_or_loopback};
use serde_json::{Map, Value, json};
use tower_service::Service;

use crate::inbound::resource_server::ResourceServer;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata of this service for its clients: which authorization servers issue tokens for it
/// (RFC 9728).
///
/// It lists the issuers that a [`ResourceServer`] trusts, and says which bound tokens it accepts
/// and requires. Serve it without a token: in axum call
/// `router.route_service(resource.well_known_path(), resource.service())` after
/// `router.layer(layer)`. The layer names its URL in each `Bearer` challenge:
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
/// The audience of tokens is a setting of the `ResourceServer`, and may differ from the resource
/// identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedResource {
    resource: Resource,
    /// The length of the origin of [`url`](Self::url).
    origin: usize,
    url: String,
    authorization_servers: Vec<Issuer>,
    /// Which bound tokens the server accepts.
    bindings: BindingChecks,
    requires_dpop: bool,
    scopes: Scope,
}

impl ProtectedResource {
    /// Creates the metadata of the service with this resource identifier. Its issuers and the bound
    /// tokens that it accepts and requires are those of `server`.
    ///
    /// What single [rules](crate::Rule::bound) require is not in it: a client reads it once for the
    /// whole service.
    ///
    /// # Errors
    ///
    /// Fails if the identifier is not an `https` URL (`http` on loopback only, RFC 9728 section
    /// 1.2), or is not in normal form: it has an upper-case host, the default port, `..`, or
    /// characters that must be escaped.
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
            bindings: server.binding_checks(),
            requires_dpop: server.requires_dpop(),
            scopes: Scope::default(),
        })
    }

    /// Lists the scopes that clients may request (`scopes_supported`, RFC 9728 section 2). By
    /// default the member is absent.
    #[must_use]
    pub fn scopes_supported(mut self, scopes: Scope) -> Self {
        self.scopes = scopes;
        self
    }

    /// The URL of the document (RFC 9728 section 3.1): the well-known name comes before the
    /// resource's own path.
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
        let mut document = Map::new();
        let mut add = |name: &str, value: Value| document.insert(name.to_owned(), value);
        add("resource", self.resource.as_str().into());
        add("authorization_servers", issuers.collect());
        add("bearer_methods_supported", json!(["header"]));
        // An empty array must be omitted (RFC 9728 section 3.2), and what is false by default may
        // be.
        if !self.scopes.is_empty() {
            add("scopes_supported", self.scopes.iter().collect());
        }
        if self.bindings.certificate {
            add("tls_client_certificate_bound_access_tokens", true.into());
        }
        if self.bindings.dpop {
            let algorithms = Algorithm::ALL.iter().map(|alg| alg.name());
            add("dpop_signing_alg_values_supported", algorithms.collect());
        }
        if self.requires_dpop {
            add("dpop_bound_access_tokens_required", true.into());
        }
        Value::Object(document).to_string().into()
    }

    /// A service that serves the document to GET and HEAD, cacheable for an hour, and refuses other
    /// methods with 405.
    pub fn service(&self) -> ProtectedResourceService {
        ProtectedResourceService {
            document: self.document(),
        }
    }
}

/// The service that [`ProtectedResource::service`] returns. It ignores the path of requests.
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
