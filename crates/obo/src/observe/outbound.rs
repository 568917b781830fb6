use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use obo_core::{Issuer, Target};

use super::Span;

/// What is recorded of a failed exchange, or of a call that is not made.
pub(crate) struct Failure<'e> {
    pub(crate) code: &'static str,
    pub(crate) target: Option<&'e str>,
    pub(crate) reason: &'e dyn std::fmt::Display,
    /// Whether the caller can fix it. Then it is not a warning.
    pub(crate) is_of_the_caller: bool,
}

/// A lookup in the cache of exchanged tokens.
pub(crate) fn exchange_cache(hit: bool) {
    count!("obo_exchange_cache_total", "result" => if hit { "hit" } else { "miss" });
}

/// An exchange with all its attempts. It has its own span, and counts as running until it is
/// dropped.
///
/// The span follows from that of the first caller but is not its child: other callers may wait for
/// the exchange too, and it continues if the first one is cancelled.
pub(crate) struct Exchange(Span);

impl Exchange {
    pub(crate) fn new(target: Option<&Target>, cause: &Span) -> Self {
        #[cfg(feature = "metrics")]
        metrics::gauge!("obo_exchanges_under_way").increment(1.0);
        let span = span!(
            parent: None,
            "token_exchange",
            otel.name = "token exchange",
            otel.kind = "internal",
            otel.status_code = tracing::field::Empty,
            target_audience = target.map(tracing::field::display),
            error.type = tracing::field::Empty,
        );
        #[cfg(feature = "tracing")]
        span.inner.follows_from(&cause.inner);
        Self(span)
    }

    pub(crate) fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.within(work)
    }

    /// Records the outcome: a token, or the failure.
    pub(crate) fn ended(
        &self,
        target: Option<&Target>,
        failure: Option<&Failure<'_>>,
        took: Duration,
    ) {
        count!(
            "obo_exchanges_total",
            "outcome" => failure.map_or("ok", |error| error.code),
            "target" => label(target),
        );
        let seconds = took.as_secs_f64();
        measure!("obo_exchange_duration_seconds", seconds, "target" => label(target));
        #[cfg(feature = "tracing")]
        let (_entered, target_audience) =
            (self.0.inner.enter(), target.map(tracing::field::display));
        let Some(error) = failure else {
            event!(DEBUG, target_audience, seconds, "token exchanged");
            return;
        };
        self.0.failed(error.code);
        event!(
            WARN,
            code = error.code,
            reason = %error.reason,
            target_audience,
            seconds,
            "token not exchanged"
        );
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        metrics::gauge!("obo_exchanges_under_way").decrement(1.0);
    }
}

/// A call was not made, for a reason that no exchange has reported.
pub(crate) fn call_not_made(error: &Failure<'_>) {
    count!("obo_calls_not_made_total", "code" => error.code);
    let Failure { code, target, .. } = error;
    if error.is_of_the_caller {
        event!(INFO, code, target_audience = target, reason = %error.reason, "call not made");
    } else {
        event!(WARN, code, target_audience = target, reason = %error.reason, "call not made");
    }
}

/// A called service requires the user to authenticate again or more strongly.
pub(crate) fn step_up_required(error: &Failure<'_>) {
    event!(
        INFO,
        code = error.code,
        target_audience = error.target,
        "called service requires step-up authentication"
    );
}

/// Cached tokens or failures were evicted.
pub(crate) fn evicted(cause: &'static str, entries: usize) {
    #[cfg(feature = "metrics")]
    if entries > 0 {
        metrics::counter!("obo_exchange_cache_evictions_total", "cause" => cause)
            .increment(entries as u64);
    }
}

/// The endpoint of a circuit breaker, or one target of the endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    issuer: Issuer,
    /// `token` or `introspection`.
    name: &'static str,
    target: Option<String>,
    /// How many of the endpoint's circuit breakers are open.
    open: Arc<AtomicU32>,
}

impl Endpoint {
    pub(crate) fn new(issuer: Issuer, name: &'static str) -> Self {
        Self {
            issuer,
            name,
            target: None,
            open: Arc::default(),
        }
    }

    pub(crate) fn of_target(&self, target: &Target) -> Self {
        Self {
            target: Some(target.to_string()),
            ..self.clone()
        }
    }
}

/// A circuit breaker opened or closed.
pub(crate) fn breaker(of: &Endpoint, is_open: bool) {
    let open = match is_open {
        true => of.open.fetch_add(1, Ordering::Relaxed) + 1,
        false => of.open.fetch_sub(1, Ordering::Relaxed).saturating_sub(1),
    };
    gauge!(
        "obo_breaker_open",
        f64::from(open),
        "endpoint" => of.name,
        "issuer" => of.issuer.as_str().to_owned(),
    );
    let (issuer, endpoint, target) = (of.issuer.as_str(), of.name, of.target.as_deref());
    let now = if is_open { "opened" } else { "closed" };
    event!(
        WARN,
        issuer,
        endpoint,
        target_audience = target,
        "circuit breaker {now}"
    );
}

/// The label of a target: one value for each configured destination, empty without a target.
#[cfg(feature = "metrics")]
fn label(target: Option<&Target>) -> String {
    target.map(Target::description).unwrap_or_default()
}
