use std::time::Duration;

use obo_core::Issuer;

use crate::refusal::rejection::Rejection;

/// A token was introspected.
pub(crate) fn introspected(issuer: &Issuer, outcome: Result<(), &Rejection>, elapsed: Duration) {
    let code = outcome.err().map_or("ok", Rejection::code);
    count!("obo_introspections_total", "outcome" => code, "issuer" => issuer.to_string());
    let seconds = elapsed.as_secs_f64();
    measure!("obo_introspection_duration_seconds", seconds, "outcome" => code);
    let issuer = issuer.as_str();
    match outcome {
        Err(Rejection::IntrospectionUnavailable { problem, .. }) => {
            event!(WARN, issuer, problem, "introspection not available");
        }
        _ => {
            event!(DEBUG, issuer, code, "token introspected");
        }
    }
}
