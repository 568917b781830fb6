use std::fmt;

use tower_layer::Layer;

use super::BearerAuth;
use crate::ResourceServer;

/// Admits requests with an access token that a [`ResourceServer`] accepts.
///
/// ```
/// use obo::{Audience, BearerAuthLayer, Issuer, ResourceServer};
/// use tower::ServiceBuilder;
///
/// # async fn orders(_: http::Request<String>) -> Result<http::Response<String>, std::convert::Infallible> {
/// #     Ok(http::Response::new(String::new()))
/// # }
/// let idp = Issuer::new("https://idp.example.com/realms/corp")?;
/// let server = ResourceServer::new(Audience::new("service-a")?, idp);
/// let service = ServiceBuilder::new()
///     .layer(BearerAuthLayer::new(server))
///     .service_fn(orders);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct BearerAuthLayer {
    pub(super) server: ResourceServer,
    pub(super) anonymous: bool,
}

impl BearerAuthLayer {
    /// Requires a token on every request.
    pub fn new(server: ResourceServer) -> Self {
        Self {
            server,
            anonymous: false,
        }
    }

    /// Lets requests without credentials pass, without a [`Validated`](crate::Validated); bad ones are still refused.
    #[must_use]
    pub fn allow_anonymous(mut self) -> Self {
        self.anonymous = true;
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
            .field("anonymous", &self.anonymous)
            .finish()
    }
}
