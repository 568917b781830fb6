use std::fmt;

use obo_core::ConfigError;
use tower_layer::Layer;

use super::BearerAuth;
use super::open::Open;
use super::resource_metadata::ResourceMetadata;
use crate::inbound::protected_resource::ProtectedResource;
use crate::inbound::resource_server::ResourceServer;

/// Admits requests with an access token that a [`ResourceServer`] accepts.
///
/// ```
/// use obo::{BearerAuthLayer, ResourceServer};
/// use tower::ServiceBuilder;
///
/// # async fn orders(_: http::Request<String>) -> Result<http::Response<String>, std::convert::Infallible> {
/// #     Ok(http::Response::new(String::new()))
/// # }
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com/realms/corp")
///     .build()?;
/// let service = ServiceBuilder::new()
///     .layer(BearerAuthLayer::new(server))
///     .service_fn(orders);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct BearerAuthLayer {
    pub(super) server: ResourceServer,
    pub(super) open: Open,
    pub(super) metadata: Option<ResourceMetadata>,
}

impl BearerAuthLayer {
    /// Requires a token on every request.
    pub fn new(server: ResourceServer) -> Self {
        Self {
            server,
            open: Open::default(),
            metadata: None,
        }
    }

    /// Lets requests without credentials pass, without a [`Caller`](crate::Caller); bad ones are still refused.
    pub fn allow_anonymous(mut self) -> Self {
        self.open.all = true;
        self
    }

    /// Lets requests to these paths pass without credentials, as [`allow_anonymous`](Self::allow_anonymous) does: health
    /// checks, gRPC reflection, documents for everybody. Bad credentials are refused there too. As `"GET /docs"` a path is
    /// open to that method alone, and HEAD goes with GET.
    ///
    /// A path is compared whole, without its query and as it was sent: never as a prefix, never decoded, and inside a
    /// nested axum router without what the router has stripped. Rules further inside still refuse a request without a
    /// caller; see [`RuleTable`](crate::RuleTable), whose builder has public paths too.
    ///
    /// ```
    /// # use obo::{BearerAuthLayer, ResourceServer};
    /// # let server = ResourceServer::builder("service-a").trust("https://idp.example.com").build()?;
    /// let layer = BearerAuthLayer::new(server)
    ///     .public_paths(["/healthz", "GET /docs", "/grpc.health.v1.Health/Check"])?;
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When an entry is listed twice, its path is none (a pattern, an escape, a query, an empty or a dot segment), or its
    /// method is none, such as `get`.
    pub fn public_paths<P: AsRef<str>>(
        mut self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        for path in paths {
            let added = self.open.add(path.as_ref());
            added.map_err(|error| error.at("public_paths"))?;
        }
        Ok(self)
    }

    /// Lets CORS preflights pass without credentials, for a CORS layer further inside to answer; gRPC-Web needs them too.
    ///
    /// Browsers send them so: `OPTIONS` with `Origin` and `Access-Control-Request-Method`. A CORS layer around this one
    /// answers them itself and makes this needless. Whatever else is inside answers `OPTIONS` to anybody then.
    pub fn allow_preflight(mut self) -> Self {
        self.open.preflight = true;
        self
    }

    /// Names the metadata of this service in each `Bearer` challenge, by `resource_metadata` (RFC 9728 section 5.1).
    ///
    /// All responses that pass are looked at, so challenges of rules, extractors and handlers have it too, also where a
    /// gRPC status carries them in the headers. One that has it already keeps what it says.
    pub fn protected_resource(mut self, resource: &ProtectedResource) -> Self {
        self.metadata = Some(ResourceMetadata::of(resource));
        self
    }
}

impl<S> Layer<S> for BearerAuthLayer {
    type Service = BearerAuth<S>;

    fn layer(&self, inner: S) -> BearerAuth<S> {
        BearerAuth::new(inner, self.clone())
    }
}

impl fmt::Debug for BearerAuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerAuthLayer")
            .field("server", &self.server)
            .field("open", &self.open)
            .field("metadata", &self.metadata)
            .finish()
    }
}
