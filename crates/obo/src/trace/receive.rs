use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{HeaderMap, Request};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::header::{Parent, state};
use super::{Propagator, Trace};
use crate::random;

/// Reads the trace context of each request, and keeps it for the request.
///
/// Place it outside of the [`BearerAuthLayer`](crate::BearerAuthLayer), and inside of a layer that
/// opens a span for the request. Without a valid `traceparent` it starts a trace. Such a trace is
/// not sampled, since nothing records its spans.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TraceContextLayer {
    propagator: Option<Propagator>,
    start: Start,
}

#[derive(Clone, Copy, Debug, Default)]
enum Start {
    #[default]
    Unsampled,
    Sampled,
    Never,
}

impl TraceContextLayer {
    /// Reads the context, and starts a trace for a request that has none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts no trace: a request without a valid context has none.
    pub fn never_start(mut self) -> Self {
        self.start = Start::Never;
        self
    }

    /// Marks the traces that start here as sampled. Services that respect the mark record all of
    /// them.
    pub fn start_sampled(mut self) -> Self {
        self.start = Start::Sampled;
        self
    }

    /// Writes the headers of requests that are sent by `write` instead, such as a propagator of
    /// OpenTelemetry.
    ///
    /// `write` is called in the current span: in that of the request that is sent, also for
    /// requests to authorization servers. The layer calls it once when a request arrives, to learn
    /// the identifier of its trace. If it writes no valid `traceparent` then, the context of the
    /// request is used.
    pub fn propagator(mut self, write: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.propagator = Some(Propagator(Arc::new(write)));
        self
    }

    fn trace(&self, headers: &HeaderMap) -> Option<Trace> {
        let written = self.propagator.as_ref().and_then(|Propagator(write)| {
            let mut headers = HeaderMap::new();
            write(&mut headers);
            Parent::of(&headers)
        });
        let (parent, state) = match (written, Parent::of(headers)) {
            (Some(parent), _) => (parent, None),
            (None, Some(parent)) => (parent, state(headers)),
            (None, None) => (self.started()?, None),
        };
        Some(Trace::new(parent, state, self.propagator.clone()))
    }

    fn started(&self) -> Option<Parent> {
        let is_sampled = match self.start {
            Start::Never => return None,
            Start::Unsampled => false,
            Start::Sampled => true,
        };
        let trace_id = random::trace_id()?;
        Some(Parent {
            trace_id,
            is_sampled,
        })
    }
}

impl<S> Layer<S> for TraceContextLayer {
    type Service = TraceContext<S>;

    fn layer(&self, inner: S) -> TraceContext<S> {
        TraceContext {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`TraceContextLayer`] makes.
#[derive(Clone, Debug)]
pub struct TraceContext<S> {
    inner: S,
    layer: TraceContextLayer,
}

impl<S> TraceContext<S> {
    inner_accessors!(S);
}

impl<S, B> Service<Request<B>> for TraceContext<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The trace of an outer layer is kept.
        let outer = request.extensions().get().cloned();
        let Some(trace) = outer.or_else(|| self.layer.trace(request.headers())) else {
            let inner = Either::Right(self.inner.call(request));
            return ResponseFuture { inner };
        };
        request.extensions_mut().insert(trace.clone());
        let future = (trace.clone()).sync_scope(|| self.inner.call(request));
        ResponseFuture {
            inner: Either::Left(trace.scoped(future)),
        }
    }
}

pin_project! {
    /// The future of [`TraceContext`].
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Either<TaskLocalFuture<Trace, F>, F>,
    }
}

impl<F: Future> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().inner.poll(cx)
    }
}

opaque_debug!(ResponseFuture<F>);
