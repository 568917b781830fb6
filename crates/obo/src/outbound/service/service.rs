use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::replay::Resend;
use super::{OutboundLayer, Replay, ResponseBody, ResponseFuture, Source};
use crate::box_error::BoxError;
use crate::outbound::error::CallError;

/// A client whose requests carry tokens. Its two kinds are [`OnBehalfOf`](crate::OnBehalfOf) and
/// [`AppOnly`](crate::AppOnly).
///
/// `U` is whose tokens they are. `R` is how requests are [replayed](Replay), `()` if they are not.
#[derive(Clone)]
#[must_use]
pub struct Outbound<S, U, R = ()> {
    inner: S,
    pub(in crate::outbound) layer: OutboundLayer<U, R>,
}

impl<S, U, R> Outbound<S, U, R> {
    /// Wraps `inner`, whose requests get tokens as `layer` says.
    pub fn new(inner: S, layer: OutboundLayer<U, R>) -> Self {
        Self { inner, layer }
    }

    /// Replays requests, as [`OutboundLayer::replay`] does.
    pub fn replay<B>(self, replay: Replay<B>) -> Outbound<S, U, Replay<B>> {
        Outbound {
            inner: self.inner,
            layer: self.layer.replay(replay),
        }
    }

    inner_accessors!(S);
}

impl<S, U, R, B, T> Service<Request<B>> for Outbound<S, U, R>
where
    S: Service<Request<B>, Response = Response<T>> + Clone,
    S::Error: Into<BoxError>,
    U: Source,
    R: Resend<B>,
{
    type Response = Response<ResponseBody<T>>;
    type Error = CallError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx).map_err(CallError::inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let OutboundLayer {
            exchange,
            route,
            source,
            replay,
        } = &self.layer;
        let wanted = source.wanted(route, request.extensions(), request.uri());
        route.correct_host(&mut request);
        ResponseFuture::new(exchange.clone(), wanted, request, &mut self.inner, replay)
    }
}

impl<S, U: Source + fmt::Debug, R: fmt::Debug> fmt::Debug for Outbound<S, U, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(U::NAME)
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}
