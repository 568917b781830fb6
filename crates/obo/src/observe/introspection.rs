#![cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(unused_variables, clippy::single_match)
)]

use std::time::Duration;

use obo_core::Issuer;

use crate::refusal::rejection::Rejection;

/// An issuer was asked about a token.
pub(crate) fn introspected(issuer: &Issuer, outcome: Result<(), &Rejection>, elapsed: Duration) {
    let code = outcome.err().map_or("ok", Rejection::code);
    count!(
        "obo_introspections_total",
        "outcome" => code,
        "issuer" => issuer.as_str().to_owned(),
    );
    measure!(
        "obo_introspection_duration_seconds",
        elapsed.as_secs_f64(),
        "outcome" => code,
    );
    match outcome {
        Err(Rejection::IntrospectionUnavailable { problem, .. }) => {
            event!(
                WARN,
                issuer = issuer.as_str(),
                problem,
                "introspection not available"
            );
        }
        _ => {
            event!(DEBUG, issuer = issuer.as_str(), code, "token introspected");
        }
    }
}
