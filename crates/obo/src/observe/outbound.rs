#![cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(unused_variables)
)]

use std::time::Duration;

use crate::{ExchangeError, Target};

/// Whether a token for a call was at hand.
pub(crate) fn at_hand(hit: bool) {
    count!("obo_exchange_cache_total", "result" => if hit { "hit" } else { "miss" });
}

/// The authorization server was asked for a token.
pub(crate) fn exchanged(target: &Target, outcome: Result<(), &ExchangeError>, took: Duration) {
    count!(
        "obo_exchanges_total",
        "outcome" => outcome.map_or_else(ExchangeError::code, |()| "ok"),
        "target" => label(target),
    );
    measure!(
        "obo_exchange_duration_seconds",
        took.as_secs_f64(),
        "target" => label(target),
    );
    match outcome {
        Ok(()) => {
            event!(DEBUG, target_audience = %target, seconds = took.as_secs_f64(), "token exchanged");
        }
        Err(error) => {
            event!(
                WARN,
                code = error.code(),
                reason = %error,
                target_audience = %target,
                seconds = took.as_secs_f64(),
                "token not exchanged"
            );
        }
    }
}

/// The target as configured: as many values as there are destinations.
#[cfg(feature = "metrics")]
fn label(target: &Target) -> String {
    let audiences = target.audiences().iter().map(|audience| audience.as_str());
    let resources = target.resources().iter().map(|resource| resource.as_str());
    audiences.chain(resources).collect::<Vec<_>>().join(" ")
}
