use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use obo::Rejection;
use pin_project_lite::pin_project;
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

/// Passes rejections that methods and interceptors return as statuses to the outer
/// [`BearerAuthLayer`](obo::BearerAuthLayer), which records them in its audit trail and metrics.
///
/// Tonic keeps such a status in the response, and only this crate can read the [`Rejection`] in it.
/// Without this layer the response is the same, but the refusal is not recorded.
///
/// ```
/// # fn example(server: obo::ResourceServer) {
/// use tonic::transport::Server;
///
/// // In tonic the layer that is added first runs first.
/// let server = Server::builder()
///     .layer(obo::BearerAuthLayer::new(server))
///     .layer(obo_tonic::RejectionLayer);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct RejectionLayer;

impl<S> Layer<S> for RejectionLayer {
    type Service = RejectionService<S>;

    fn layer(&self, inner: S) -> RejectionService<S> {
        RejectionService { inner }
    }
}

/// The service of a [`RejectionLayer`].
#[derive(Clone, Copy, Debug)]
pub struct RejectionService<S> {
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for RejectionService<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = RejectionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        RejectionFuture {
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// The future of a [`RejectionService`].
    #[derive(Debug)]
    pub struct RejectionFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, R, E> Future for RejectionFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.project().inner.poll(cx));
        if let Ok(response) = &mut response {
            let status = response.extensions().get::<Status>();
            let source = status.and_then(|status| status.source());
            let rejection = source.and_then(|source| source.downcast_ref::<Rejection>());
            if let Some(rejection) = rejection.cloned() {
                response.extensions_mut().insert(rejection);
            }
        }
        Poll::Ready(response)
    }
}
