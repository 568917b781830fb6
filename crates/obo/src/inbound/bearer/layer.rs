use tower_layer::Layer;

use super::BearerAuth;
use super::open::Open;
use super::resource_metadata::ResourceMetadata;
use crate::inbound::protected_resource::ProtectedResource;
use crate::inbound::public_paths::PublicPaths;
use crate::inbound::resource_server::ResourceServer;

/// Admits requests with an access token that a [`ResourceServer`] accepts.
///
/// Each admitted request has its [`Caller`](crate::Caller) in its extensions. All others are
/// refused with a status and a challenge (RFC 6750 section 3), or as gRPC. The
/// [module](crate::bearer) lists the steps.
///
/// ```
/// use obo::{BearerAuthLayer, ResourceServer};
/// use tower::ServiceBuilder;
///
/// # use std::convert::Infallible;
/// # use http::{Request, Response};
/// # async fn orders(_: Request<String>) -> Result<Response<String>, Infallible> {
/// #     Ok(Response::new(String::new()))
/// # }
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com/realms/corp")
///     .build()?;
/// let service = ServiceBuilder::new()
///     .layer(BearerAuthLayer::new(server))
///     .service_fn(orders);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
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

    /// Admits requests without credentials, without a [`Caller`](crate::Caller). Bad credentials
    /// are still refused.
    pub fn allow_anonymous(mut self) -> Self {
        self.open.all = true;
        self
    }

    /// Admits requests to these paths without credentials, as
    /// [`allow_anonymous`](Self::allow_anonymous) does for all paths. By default no path is public.
    /// Bad credentials are refused there too.
    ///
    /// Rules further inside still refuse a request without a caller. With a
    /// [`RuleTable`](crate::RuleTable), pass its [public paths](crate::RuleTable::public_paths).
    ///
    /// ```
    /// use obo::bearer::PublicPaths;
    /// # use obo::{BearerAuthLayer, ResourceServer};
    /// # let issuer = "https://idp.example.com";
    /// # let server = ResourceServer::builder("service-a").trust(issuer).build()?;
    /// let layer = BearerAuthLayer::new(server).public_paths(PublicPaths::new(["/healthz"])?);
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn public_paths(mut self, paths: PublicPaths) -> Self {
        self.open.paths = paths;
        self
    }

    /// Admits CORS preflights without credentials, for a CORS layer further inside. gRPC-Web needs
    /// them too.
    ///
    /// A preflight is `OPTIONS` with `Origin` and `Access-Control-Request-Method`; browsers send it
    /// without credentials. If the CORS layer is outside of this layer, it responds itself and this
    /// setting is not needed. With this setting, everything inside must respond to `OPTIONS` safely
    /// without a caller.
    pub fn allow_preflight(mut self) -> Self {
        self.open.preflight = true;
        self
    }

    /// Adds the URL of this service's metadata to each `Bearer` and `DPoP` challenge, as
    /// `resource_metadata` (RFC 9728 section 5.1).
    ///
    /// The layer adds it to the challenges of rules, extractors and handlers too, also to those in
    /// the headers of a gRPC status. A challenge that has the parameter stays as it is.
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
