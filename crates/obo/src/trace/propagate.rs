use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Request};
use tower_layer::Layer;
use tower_service::Service;

use super::{Propagator, Trace};

/// Sends the trace context with each request of a client: `traceparent` with a new span, and
/// `tracestate`.
///
/// The trace is that in the request's extensions, or else the [current](Trace::current) one.
/// Without a trace, the request's headers stay as they are. Place it around the HTTP client or the
/// gRPC channel, inside of [`OnBehalfOf`](crate::OnBehalfOf).
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct PropagateLayer {
    propagator: Option<Propagator>,
}

impl PropagateLayer {
    /// Sends the trace that a [`TraceContextLayer`](super::TraceContextLayer) has read or started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the headers by `write` in any case, for requests that no
    /// [`TraceContextLayer`](super::TraceContextLayer) caused. It is called in the current span.
    pub fn propagator(mut self, write: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.propagator = Some(Propagator(Arc::new(write)));
        self
    }
}

impl<S> Layer<S> for PropagateLayer {
    type Service = Propagate<S>;

    fn layer(&self, inner: S) -> Propagate<S> {
        Propagate {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`PropagateLayer`] makes.
#[derive(Clone, Debug)]
pub struct Propagate<S> {
    inner: S,
    layer: PropagateLayer,
}

impl<S> Propagate<S> {
    inner_accessors!(S);
}

impl<S, B> Service<Request<B>> for Propagate<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(Propagator(write)) = &self.layer.propagator {
            write(request.headers_mut());
        } else {
            let trace = request.extensions().get().cloned();
            if let Some(trace) = trace.or_else(Trace::current) {
                trace.send(request.headers_mut());
            }
        }
        self.inner.call(request)
    }
}
