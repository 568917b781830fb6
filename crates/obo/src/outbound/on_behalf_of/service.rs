use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use obo_core::Caller;
use tower_service::Service;

use super::{OnBehalfOfLayer, Replay, ResponseBody, ResponseFuture};
use crate::box_error::BoxError;
use crate::outbound::error::{CallError, ExchangeError};
use crate::outbound::exchange::Wanted;

/// A client whose requests carry tokens on behalf of a user; an [`OnBehalfOfLayer`] makes it.
///
/// `R` is how it [replays](Replay) requests, `()` if it does not.
#[derive(Clone)]
pub struct OnBehalfOf<S, R = ()> {
    inner: S,
    layer: OnBehalfOfLayer<R>,
    subject: Option<Caller>,
    is_fresh: bool,
}

impl<S, R> OnBehalfOf<S, R> {
    /// The same client with requests replayed, as [`OnBehalfOfLayer::replay`].
    #[must_use]
    pub fn replay<B>(self, replay: Replay<B>) -> OnBehalfOf<S, Replay<B>> {
        OnBehalfOf {
            inner: self.inner,
            layer: self.layer.replay(replay),
            subject: self.subject,
            is_fresh: self.is_fresh,
        }
    }

    pub(super) fn new(inner: S, layer: OnBehalfOfLayer<R>) -> Self {
        Self {
            inner,
            layer,
            subject: None,
            is_fresh: false,
        }
    }

    /// This client for calls on behalf of `caller`, whatever the requests' extensions say.
    #[must_use]
    pub fn on_behalf_of<C>(&self, caller: &Caller<C>) -> Self
    where
        S: Clone,
        R: Clone,
    {
        Self {
            subject: Some(caller.untyped()),
            ..self.clone()
        }
    }

    /// This client with tokens that are not at hand but issued now; calls at the same time share one.
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.is_fresh = true;
        self
    }

    fn wanted<B>(&self, request: &Request<B>) -> Result<Wanted, ExchangeError> {
        let subject = self
            .subject
            .as_ref()
            .or_else(|| request.extensions().get::<Caller>());
        self.layer.wanted(subject, request.uri(), self.is_fresh)
    }
}

impl<S, B, R> Service<Request<B>> for OnBehalfOf<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = CallError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let wanted = self.wanted(&request);
        self.layer.route.correct_host(&mut request);
        let exchange = self.layer.exchange.clone();
        ResponseFuture::once(exchange, wanted, request, &mut self.inner)
    }
}

impl<S, B, R> Service<Request<B>> for OnBehalfOf<S, Replay<B>>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = CallError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let wanted = self.wanted(&request);
        self.layer.route.correct_host(&mut request);
        let exchange = self.layer.exchange.clone();
        let replay = &self.layer.replay;
        ResponseFuture::replayed(exchange, wanted, request, &mut self.inner, replay)
    }
}

impl<S, R: fmt::Debug> fmt::Debug for OnBehalfOf<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnBehalfOf")
            .field("layer", &self.layer)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}
