use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::AppOnlyLayer;
use crate::box_error::BoxError;
use crate::outbound::error::CallError;
use crate::outbound::on_behalf_of::{Replay, ResponseBody, ResponseFuture};

/// A client whose requests carry tokens of this service's own; an [`AppOnlyLayer`] makes it.
///
/// `R` is how it [replays](Replay) requests, `()` if it does not.
#[derive(Clone)]
pub struct AppOnly<S, R = ()> {
    inner: S,
    layer: AppOnlyLayer<R>,
}

impl<S, R> AppOnly<S, R> {
    pub(super) fn new(inner: S, layer: AppOnlyLayer<R>) -> Self {
        Self { inner, layer }
    }
}

impl<S, B, R> Service<Request<B>> for AppOnly<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = CallError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx).map_err(CallError::inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let wanted = self.layer.wanted(request.uri());
        self.layer.route.correct_host(&mut request);
        let exchange = self.layer.exchange.clone();
        ResponseFuture::once(exchange, wanted, request, &mut self.inner)
    }
}

impl<S, B, R> Service<Request<B>> for AppOnly<S, Replay<B>>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = CallError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx).map_err(CallError::inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let wanted = self.layer.wanted(request.uri());
        self.layer.route.correct_host(&mut request);
        let exchange = self.layer.exchange.clone();
        let replay = &self.layer.replay;
        ResponseFuture::replayed(exchange, wanted, request, &mut self.inner, replay)
    }
}

impl<S, R: fmt::Debug> fmt::Debug for AppOnly<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppOnly")
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}
