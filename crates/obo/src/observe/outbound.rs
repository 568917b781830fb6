use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use obo_core::binding::Thumbprint;
use obo_core::{AuditSubjects, Caller, IssuedToken, Issuer, Target};

#[cfg(feature = "tracing")]
use super::names::{AUDIT, bound_to, caller_digest, caller_jti, issued, subject};
use super::{Cause, Span};
#[cfg(feature = "tracing")]
use crate::box_error::only_causes;
#[cfg(feature = "tracing")]
use crate::trace::Trace;

/// What is recorded of a failed exchange, or of a call that is not made.
pub(crate) struct Failure<'e> {
    pub(crate) code: &'static str,
    /// The audiences and resources of the target.
    pub(crate) target: Option<&'e str>,
    /// The name of the target in metrics.
    pub(crate) label: Option<&'e str>,
    pub(crate) error: &'e (dyn std::error::Error + 'static),
    /// Whether the caller can fix it. Then it is not a warning.
    pub(crate) is_of_the_caller: bool,
}

/// What is recorded of a call: its caller, and the client that makes it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'c> {
    /// How records of this exchange name users; `None` means as those of the caller.
    pub(crate) subjects: Option<&'c AuditSubjects>,
    pub(crate) caller: Option<&'c Caller>,
    /// This service at the authorization server.
    pub(crate) client_id: &'c str,
    /// The key that its token is bound to.
    pub(crate) key: Option<&'c Thumbprint>,
    /// Whether its token is bound to the certificate of this service.
    pub(crate) has_certificate: bool,
}

#[cfg(feature = "tracing")]
impl Call<'_> {
    fn subjects(&self) -> AuditSubjects {
        let of_caller = || self.caller.map(Caller::audit_subjects);
        self.subjects
            .or_else(of_caller)
            .cloned()
            .unwrap_or_default()
    }
}

/// A lookup in the cache of exchanged tokens.
pub(crate) enum Lookup {
    Hit,
    Miss,
    /// A cached refusal.
    Refusal,
}

pub(crate) fn exchange_cache(lookup: &Lookup) {
    let result = match lookup {
        Lookup::Hit => "hit",
        Lookup::Miss => "miss",
        Lookup::Refusal => "refusal",
    };
    count!("obo_exchange_cache_total", "result" => result);
}

/// Where the token of a call comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// An exchange that another call started, which took this call so long.
    Shared(Duration),
    Cache,
    /// An exchange of another replica.
    Store,
}

/// Emits the record of a token, if its level is enabled.
#[cfg(feature = "tracing")]
macro_rules! token_record {
    ($level:ident, $parent:expr, $source:expr, $call:expr, $target:expr, $token:expr, $took:expr) => {{
        let (call, parent): (Call<'_>, Option<tracing::Id>) = ($call, $parent);
        if tracing::enabled!(target: AUDIT, tracing::Level::$level) {
            let (subjects, caller) = (call.subjects(), call.caller);
            let actor = caller.and_then(Caller::current_actor);
            let (issued_jti, issued_digest) = issued(&subjects, $token);
            let took: Option<Duration> = $took;
            tracing::event!(
                target: AUDIT,
                parent: parent,
                tracing::Level::$level,
                record = "token",
                source = $source,
                target_audience = $target.map(names),
                issuer = caller.map(|caller| caller.issuer().as_str()),
                subject = caller.and_then(|caller| subject(&subjects, caller)),
                actor = actor.map(|actor| actor.id().subject()),
                actor_issuer = actor.map(|actor| actor.id().issuer()),
                client_id = call.client_id,
                caller_jti = caller.and_then(caller_jti),
                caller_digest = caller.and_then(|caller| caller_digest(&subjects, caller)),
                issued_jti,
                issued_digest,
                binding = bound_to(call.key, call.has_certificate),
                seconds = took.map(|took| took.as_secs_f64()),
                trace_id = Trace::current().map(|trace| trace.trace_id()),
                "token obtained"
            );
        }
    }};
}

/// A call has a token that it did not cause to be issued. It costs nothing unless the record is
/// enabled.
pub(crate) fn token_obtained(
    source: Source,
    call: Call<'_>,
    target: Option<&Target>,
    token: &IssuedToken,
) {
    #[cfg(feature = "tracing")]
    {
        let (name, took) = match source {
            Source::Shared(took) => ("shared", Some(took)),
            Source::Cache => ("cache", None),
            Source::Store => ("store", None),
        };
        let here = || tracing::Span::current().id();
        token_record!(DEBUG, here(), name, call, target, token, took);
    }
}

/// An exchange with all its attempts. It has its own span, and counts as running until it is
/// dropped.
///
/// The span is inside that of the call that started the exchange, and in its trace. Other calls may
/// wait for the exchange too, and it continues if the first one is cancelled.
pub(crate) struct Exchange(Span);

impl Exchange {
    pub(crate) fn new(target: Option<&Target>, cause: &Cause) -> Self {
        #[cfg(feature = "metrics")]
        metrics::gauge!("obo_exchanges_under_way").increment(1.0);
        let span = span!(
            parent: &cause.span.inner,
            "token_exchange",
            otel.name = "token exchange",
            otel.kind = "internal",
            otel.status_code = tracing::field::Empty,
            target_audience = target.map(names),
            error.type = tracing::field::Empty,
        );
        Self(span)
    }

    pub(crate) fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.within(work)
    }

    /// Records the outcome: a token, or the failure.
    ///
    /// The audit record of a token is in the span of the call that caused the exchange. That of a
    /// failure is emitted by each call that waits for it.
    pub(crate) fn ended(
        &self,
        cause: &Cause,
        call: Call<'_>,
        target: Option<&Target>,
        outcome: Result<&IssuedToken, &Failure<'_>>,
        took: Duration,
    ) {
        count!(
            "obo_exchanges_total",
            "outcome" => outcome.err().map_or("ok", |error| error.code),
            "target" => target.map(Target::description).unwrap_or_default(),
        );
        let seconds = took.as_secs_f64();
        measure!(
            "obo_exchange_duration_seconds",
            seconds,
            "target" => target.map(Target::description).unwrap_or_default(),
        );
        #[cfg(feature = "tracing")]
        let (_entered, target_audience) = (self.0.inner.enter(), target.map(names));
        let error = match outcome {
            Ok(token) => {
                event!(DEBUG, target_audience, seconds, "token exchanged");
                #[cfg(feature = "tracing")]
                token_record!(
                    INFO,
                    cause.span.inner.id(),
                    "exchange",
                    call,
                    target,
                    token,
                    Some(took)
                );
                return;
            }
            Err(error) => error,
        };
        self.0.failed(error.code);
        let Failure {
            code,
            error: reason,
            ..
        } = error;
        if error.is_of_the_caller {
            event!(INFO, code, reason = %reason, target_audience, seconds, "token not exchanged");
        } else {
            event!(WARN, code, reason = %reason, target_audience, seconds, "token not exchanged");
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        metrics::gauge!("obo_exchanges_under_way").decrement(1.0);
    }
}

/// A call is not made. Each such call is recorded once, in its own span, and counted.
pub(crate) fn call_not_made(error: &Failure<'_>, call: Call<'_>) {
    count!(
        "obo_calls_not_made_total",
        "code" => error.code,
        "target" => error.label.unwrap_or_default().to_owned(),
    );
    #[cfg(feature = "tracing")]
    {
        let (subjects, caller) = (call.subjects(), call.caller);
        macro_rules! record {
            ($level:ident) => {
                tracing::event!(
                    target: AUDIT,
                    tracing::Level::$level,
                    record = "call",
                    code = error.code,
                    reason = %error.error,
                    cause = only_causes(error.error),
                    target_audience = error.target,
                    issuer = caller.map(|caller| caller.issuer().as_str()),
                    subject = caller.and_then(|caller| subject(&subjects, caller)),
                    caller_jti = caller.and_then(caller_jti),
                    caller_digest = caller.and_then(|caller| caller_digest(&subjects, caller)),
                    trace_id = Trace::current().map(|trace| trace.trace_id()),
                    "call not made"
                )
            };
        }
        match error.is_of_the_caller {
            true => record!(INFO),
            false => record!(WARN),
        }
    }
}

/// The audiences and resources of a target, as a token for it has them.
#[cfg(feature = "tracing")]
fn names(target: &Target) -> String {
    let audiences = target.audiences().iter().map(|audience| audience.as_str());
    let resources = target.resources().iter().map(|resource| resource.as_str());
    audiences.chain(resources).collect::<Vec<_>>().join(" ")
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

/// A called service refuses the proof of this service's key: its clock or its base URL differ from
/// what the proof has, or the key does.
pub(crate) fn proof_refused(target: Option<&Target>) {
    event!(
        WARN,
        target_audience = target.map(names),
        "called service refused the proof"
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
    // A closing may overtake the opening before it, so that the number wraps for a moment.
    let open = match is_open {
        true => of.open.fetch_add(1, Ordering::Relaxed).wrapping_add(1),
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
