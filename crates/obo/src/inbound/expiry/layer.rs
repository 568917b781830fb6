use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::ExpiryBody;
use super::future::ResponseFuture;
use crate::inbound::bearer;
use crate::inbound::resource_server::ResourceServer;
use crate::refusal::response::Protocol;

/// Ends requests when their token expires, or when a logout revokes it and the server has a
/// [fleet](crate::fleet::Fleet). Place it inside a
/// [`BearerAuthLayer`](crate::BearerAuthLayer).
///
/// If that layer is missing or further inside, every request is refused with 500 (gRPC 13), as by a
/// [`RequireLayer`](crate::RequireLayer). What that layer says about concurrency limits holds here
/// too.
///
/// ```
/// use obo::{BearerAuthLayer, ExpiryLayer, ResourceServer};
/// use tower::ServiceBuilder;
///
/// # use std::convert::Infallible;
/// # use http::{Request, Response};
/// # async fn prices(_: Request<String>) -> Result<Response<String>, Infallible> {
/// #     Ok(Response::new(String::new()))
/// # }
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com/realms/corp")
///     .build()?;
/// let service = ServiceBuilder::new()
///     .layer(BearerAuthLayer::new(server.clone()))
///     .layer(ExpiryLayer::new(server))
///     .service_fn(prices);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ExpiryLayer {
    server: ResourceServer,
}

impl ExpiryLayer {
    /// Ends requests when `server` starts to refuse their token. It must be the server of the
    /// [`BearerAuthLayer`](crate::BearerAuthLayer) outside.
    pub fn new(server: ResourceServer) -> Self {
        Self { server }
    }
}

impl<S> Layer<S> for ExpiryLayer {
    type Service = Expiry<S>;

    fn layer(&self, inner: S) -> Expiry<S> {
        Expiry::new(inner, self.clone())
    }
}

/// The service that [`ExpiryLayer`] makes.
#[derive(Clone, Debug)]
pub struct Expiry<S> {
    inner: S,
    layer: ExpiryLayer,
}

impl<S> Expiry<S> {
    /// Wraps `inner`, as [`ExpiryLayer`] does.
    pub fn new(inner: S, layer: ExpiryLayer) -> Self {
        Self { inner, layer }
    }

    inner_accessors!(S);
}

impl<S, B, R> Service<Request<B>> for Expiry<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<ExpiryBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = match bearer::caller(request.extensions(), "ExpiryLayer") {
            Ok(caller) => caller,
            Err(rejection) => return ResponseFuture::refused(&rejection, &request),
        };
        let server = &self.layer.server;
        let end = caller.and_then(|caller| {
            let end = server.end_of(caller)?;
            Some((end, Protocol::of(request.method(), request.headers())))
        });
        ResponseFuture::new(self.inner.call(request), end)
    }
}
