#![cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(unused_variables)
)]

use crate::Issuer;

/// A key set came.
pub(crate) fn keys_fetched(issuer: &Issuer, usable: usize, skipped: usize) {
    count!(
        "obo_key_set_fetches_total",
        "outcome" => "ok",
        "issuer" => issuer.as_str().to_owned(),
    );
    gauge!(
        "obo_key_set_keys",
        usable as f64,
        "issuer" => issuer.as_str().to_owned(),
    );
    gauge!(
        "obo_key_set_fetched_timestamp_seconds",
        crate::Clock::system().now().as_secs() as f64,
        "issuer" => issuer.as_str().to_owned(),
    );
    event!(
        DEBUG,
        issuer = issuer.as_str(),
        usable,
        skipped,
        "key set fetched"
    );
}

/// A key set did not come.
pub(crate) fn keys_unavailable(issuer: &Issuer, code: &'static str, problem: &str) {
    count!(
        "obo_key_set_fetches_total",
        "outcome" => code,
        "issuer" => issuer.as_str().to_owned(),
    );
    event!(
        WARN,
        issuer = issuer.as_str(),
        code,
        problem,
        "key set not available"
    );
}

/// A discovery document could not be renewed; the known one goes on being used.
pub(crate) fn not_rediscovered(issuer: &Issuer, problem: &str) {
    event!(
        WARN,
        issuer = issuer.as_str(),
        problem,
        "discovery document not renewed"
    );
}
