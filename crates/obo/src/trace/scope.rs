use std::sync::Arc;

use futures_util::future::Either;
use http::{HeaderMap, HeaderValue};
use tokio::task::futures::TaskLocalFuture;

use super::Propagator;
use super::header::{Parent, TRACEPARENT, TRACESTATE};
use crate::random;

/// The trace that a request belongs to.
///
/// A [`TraceContextLayer`](super::TraceContextLayer) puts it into the request's extensions. It is
/// also the [current](Self::current) one while the request is handled. Clones are the same trace.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parent: Parent,
    state: Option<HeaderValue>,
    /// Writes the headers instead.
    propagator: Option<Propagator>,
}

tokio::task_local! {
    static CURRENT: Trace;
}

impl Trace {
    pub(super) fn new(
        parent: Parent,
        state: Option<HeaderValue>,
        propagator: Option<Propagator>,
    ) -> Self {
        Self(Arc::new(Inner {
            parent,
            state,
            propagator,
        }))
    }

    /// The trace of the request that the current task handles.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs `work` as part of this trace, for a task that a handler spawns.
    ///
    /// ```
    /// use obo::trace::Trace;
    ///
    /// # async fn send_report() {}
    /// # fn handler() {
    /// match Trace::current() {
    ///     Some(trace) => tokio::spawn(trace.scope(send_report())),
    ///     None => tokio::spawn(send_report()),
    /// };
    /// # }
    /// ```
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.scoped(work)
    }

    pub(super) fn scoped<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, work)
    }

    /// Runs `work` as part of this trace, without waiting.
    pub(super) fn sync_scope<R>(self, work: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, work)
    }

    /// The identifier of the trace: 32 hexadecimal digits, as in `traceparent`.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.0.parent.trace_id)
    }

    /// Whether the caller may have recorded the trace.
    pub fn is_sampled(&self) -> bool {
        self.0.parent.is_sampled
    }

    /// Writes the headers of a request that is sent. Headers of another trace are replaced.
    pub(super) fn send(&self, headers: &mut HeaderMap) {
        if let Some(Propagator(write)) = &self.0.propagator {
            headers.remove(TRACEPARENT);
            headers.remove(TRACESTATE);
            return write(headers);
        }
        let parent = random::span_id().and_then(|id| self.0.parent.header(id));
        for (name, value) in [(TRACEPARENT, parent), (TRACESTATE, self.0.state.clone())] {
            match value {
                Some(value) => drop(headers.insert(name, value)),
                None => drop(headers.remove(name)),
            }
        }
    }
}

/// Writes the headers of the current trace, if there is one.
pub(crate) fn inject(headers: &mut HeaderMap) {
    if let Some(trace) = Trace::current() {
        trace.send(headers);
    }
}

/// Runs `work` as part of `trace`, if there is one.
pub(crate) fn within<F: Future>(
    trace: Option<Trace>,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    match trace {
        Some(trace) => Either::Left(trace.scope(work)),
        None => Either::Right(work),
    }
}
