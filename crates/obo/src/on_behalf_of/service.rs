use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{OnBehalfOfLayer, ResponseFuture};
use crate::{CallError, Destination, ExchangeError, ExchangeErrorKind, ExchangeRequest, Validated};

/// A client whose requests carry tokens on behalf of a user; an [`OnBehalfOfLayer`] makes it.
#[derive(Clone)]
pub struct OnBehalfOf<S> {
    inner: S,
    layer: OnBehalfOfLayer,
    subject: Option<Validated>,
}

impl<S> OnBehalfOf<S> {
    pub(super) fn new(inner: S, layer: OnBehalfOfLayer) -> Self {
        Self {
            inner,
            layer,
            subject: None,
        }
    }

    /// This client for calls on behalf of `caller`, whatever the requests' extensions say.
    #[must_use]
    pub fn on_behalf_of<C>(&self, caller: &Validated<C>) -> Self
    where
        S: Clone,
    {
        Self {
            subject: Some(caller.untyped()),
            ..self.clone()
        }
    }

    fn exchange_for<B>(&self, request: &Request<B>) -> Result<ExchangeRequest, ExchangeError> {
        let subject = self
            .subject
            .as_ref()
            .or_else(|| request.extensions().get::<Validated>());
        let uri = request.uri();
        let destination = self.layer.destination(uri);
        let target = destination.map(Destination::target);
        let Some(subject) = subject else {
            return Err(ExchangeError::new(
                ExchangeErrorKind::NoSubject,
                target.map(|target| &**target),
                "neither this client nor the request says on whose behalf it calls; \
                 use `on_behalf_of`, or put the caller into the request's extensions",
            ));
        };
        let Some(target) = target else {
            let host = uri.host().unwrap_or("a URI without host");
            return Err(ExchangeError::new(
                ExchangeErrorKind::UnknownDestination,
                None,
                format!("{host:?}, as the request spells its URI, is no configured destination"),
            ));
        };
        Ok(ExchangeRequest::new(subject, Arc::clone(target)))
    }
}

impl<S, B, R> Service<Request<B>> for OnBehalfOf<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<R>;
    type Error = CallError<S::Error>;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::Inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.exchange_for(&request) {
            Ok(exchange) => {
                // The service that was polled ready goes along; its clone has still to be.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let exchange = self.layer.exchange.exchange(exchange);
                ResponseFuture::exchanging(exchange, request, ready)
            }
            Err(error) => ResponseFuture::failed(error),
        }
    }
}

impl<S> fmt::Debug for OnBehalfOf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnBehalfOf")
            .field("layer", &self.layer)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}
