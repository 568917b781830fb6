//! Macros and a span that compile to nothing without their feature.

/// Emits an event for operators.
macro_rules! event {
    ($level:ident, $($field:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::event!(target: "obo", tracing::Level::$level, $($field)*);
    };
}

/// Increments a counter.
macro_rules! count {
    ($name:literal $(, $label:literal => $value:expr)* $(,)?) => {
        #[cfg(feature = "metrics")]
        metrics::counter!($name $(, $label => $value)*).increment(1);
    };
}

/// Sets a gauge.
macro_rules! gauge {
    ($name:literal, $now:expr $(, $label:literal => $value:expr)* $(,)?) => {
        #[cfg(feature = "metrics")]
        metrics::gauge!($name $(, $label => $value)*).set($now);
    };
}

/// Records a duration in seconds.
macro_rules! measure {
    ($name:literal, $took:expr $(, $label:literal => $value:expr)* $(,)?) => {
        #[cfg(feature = "metrics")]
        metrics::histogram!($name $(, $label => $value)*).record($took);
    };
}

/// Creates a span.
macro_rules! span {
    ($($field:tt)*) => {
        $crate::observe::Span {
            #[cfg(feature = "tracing")]
            inner: tracing::info_span!(target: "obo", $($field)*),
        }
    };
}

/// A span. Work in a task of its own can run within it.
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    pub(super) inner: tracing::Span,
}

impl Span {
    /// The current span.
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

    /// Does something within the span, without waiting.
    pub(crate) fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        #[cfg(feature = "tracing")]
        let _entered = self.inner.enter();
        work()
    }

    pub(super) fn failed(&self, kind: &str) {
        #[cfg(feature = "tracing")]
        self.inner.record("error.type", kind);
        #[cfg(feature = "tracing")]
        self.inner.record("otel.status_code", "ERROR");
    }
}
