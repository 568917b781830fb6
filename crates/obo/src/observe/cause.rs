/// The span that was entered where work was asked for.
pub(crate) struct Cause {
    #[cfg(feature = "tracing")]
    pub(super) span: tracing::Span,
}

impl Cause {
    pub(crate) fn here() -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::Span::current(),
        }
    }

    /// Runs work that goes to a task of its own in this span.
    #[cfg(feature = "tracing")]
    pub(crate) fn within<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        use tracing::Instrument as _;
        work.instrument(self.span)
    }

    #[cfg(not(feature = "tracing"))]
    pub(crate) fn within<F: Future>(self, work: F) -> F {
        work
    }
}
