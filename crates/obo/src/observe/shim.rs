//! Macros and a span that come to nothing without their feature.

/// An event for people who run the service.
macro_rules! event {
    ($level:ident, $($told:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::event!(target: "obo", tracing::Level::$level, $($told)*);
    };
}

/// One more of what is counted.
macro_rules! count {
    ($name:literal $(, $label:literal => $value:expr)* $(,)?) => {
        #[cfg(feature = "metrics")]
        metrics::counter!($name $(, $label => $value)*).increment(1);
    };
}

/// The present value of what rises and falls.
macro_rules! gauge {
    ($name:literal, $now:expr $(, $label:literal => $value:expr)* $(,)?) => {
        #[cfg(feature = "metrics")]
        metrics::gauge!($name $(, $label => $value)*).set($now);
    };
}

/// One more measurement, in seconds.
macro_rules! measure {
    ($name:literal, $took:expr $(, $label:literal => $value:expr)* $(,)?) => {
        #[cfg(feature = "metrics")]
        metrics::histogram!($name $(, $label => $value)*).record($took);
    };
}

/// A span of the service.
macro_rules! span {
    ($($told:tt)*) => {
        $crate::observe::Span {
            #[cfg(feature = "tracing")]
            inner: tracing::info_span!(target: "obo", $($told)*),
        }
    };
}

/// A span, in which work may run that goes to a task of its own.
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    pub(super) inner: tracing::Span,
}

impl Span {
    /// The span that is entered here.
    pub(crate) fn here() -> Self {
        Self {
            #[cfg(feature = "tracing")]
            inner: tracing::Span::current(),
        }
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        tracing::Instrument::instrument(work, self.inner.clone())
    }

    #[cfg(not(feature = "tracing"))]
    pub(crate) fn within<F: Future>(&self, work: F) -> F {
        work
    }

    pub(super) fn failed(&self, kind: &str) {
        #[cfg(feature = "tracing")]
        self.inner.record("error.type", kind);
        #[cfg(feature = "tracing")]
        self.inner.record("otel.status_code", "ERROR");
    }
}
