//! Macros that expand to nothing without their feature.

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
