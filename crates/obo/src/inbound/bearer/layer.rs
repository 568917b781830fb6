use tower_layer::Layer;

use super::BearerAuth;
use super::open::Open;
use super::resource_metadata::ResourceMetadata;
use crate::inbound::protected_resource::ProtectedResource;
use crate::inbound::public_paths::PublicPaths;
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

    /// Lets requests without credentials pass, without a [`Caller`](crate::Caller); bad ones are still refused.
    pub fn allow_anonymous(mut self) -> Self {
        self.open.all = true;
        self
    }

    /// Lets requests to these paths pass without credentials, as [`allow_anonymous`](Self::allow_anonymous) does. Bad
    /// credentials are refused there too.
    ///
    /// Rules further inside still refuse a request without a caller. A [`RuleTable`](crate::RuleTable) has public entries
    /// too, and hands them over as [`RuleTable::public_paths`](crate::RuleTable::public_paths).
    ///
    /// ```
    /// use obo::bearer::PublicPaths;
    /// # use obo::{BearerAuthLayer, ResourceServer};
    /// # let server = ResourceServer::builder("service-a").trust("https://idp.example.com").build()?;
    /// let layer = BearerAuthLayer::new(server).public_paths(PublicPaths::new(["/healthz"])?);
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn public_paths(mut self, paths: PublicPaths) -> Self {
        self.open.paths = paths;
        self
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
