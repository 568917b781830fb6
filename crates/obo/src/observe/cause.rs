use super::Span;
use crate::trace::{self, Trace};

/// What causes work in a task of its own: a span and a trace.
pub(crate) struct Cause {
    pub(super) span: Span,
    trace: Option<Trace>,
}

impl Cause {
    /// The current span and trace.
    pub(crate) fn here() -> Self {
        Self {
            span: Span::here(),
            trace: Trace::current(),
        }
    }

    /// Runs work in the span and as part of the trace.
    pub(crate) fn within<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        trace::within(self.trace, self.span.within(work))
    }

    /// Its trace, for work in a span of its own.
    pub(crate) fn trace(&self) -> Option<Trace> {
        self.trace.clone()
    }

    /// Its span.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }
}
