//! The metrics with their units and descriptions.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Buckets in seconds for the histograms `obo_exchange_duration_seconds` and
/// `obo_introspection_duration_seconds`.
///
/// They cover the time from a response of a server nearby to the deadline of an exchange. A
/// recorder needs them to make histograms instead of summaries, which cannot be added up over
/// replicas.
pub const DURATION_BUCKETS: [f64; 12] = [
    0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Describes all metrics of this crate, with their units, to the recorder of the process.
///
/// Call it once after the recorder is installed.
pub fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(name, Unit::Count, text);
    }
    for (name, unit, text) in GAUGES {
        describe_gauge!(name, unit, text);
    }
    for (name, text) in HISTOGRAMS {
        describe_histogram!(name, Unit::Seconds, text);
    }
}

const COUNTERS: [(&str, &str); 14] = [
    (
        "obo_requests_total",
        "Requests that a BearerAuthLayer allowed or refused.",
    ),
    (
        "obo_streams_ended_total",
        "Responses that an ExpiryLayer ended because the token expired.",
    ),
    (
        "obo_token_cache_total",
        "Lookups in the cache of verified tokens.",
    ),
    (
        "obo_key_set_fetches_total",
        "Fetches of key sets, by outcome.",
    ),
    (
        "obo_introspections_total",
        "Introspections of tokens, by outcome.",
    ),
    (
        "obo_exchanges_total",
        "Token exchanges with all their attempts, by outcome.",
    ),
    (
        "obo_exchange_cache_total",
        "Lookups in the cache of exchanged tokens.",
    ),
    (
        "obo_exchange_cache_evictions_total",
        "Exchanged tokens that were removed from the cache, by cause.",
    ),
    (
        "obo_calls_not_made_total",
        "Calls that were not made because they had no token.",
    ),
    (
        "obo_logouts_total",
        "Logout tokens and security event tokens that were received, by outcome.",
    ),
    (
        "obo_fleet_store_calls_total",
        "Calls of the store that replicas share, by operation and outcome.",
    ),
    (
        "obo_fleet_lookups_total",
        "Lookups of exchanged tokens and introspection responses in the shared store.",
    ),
    (
        "obo_fleet_values_ignored_total",
        "Values of the shared store that are not used, by reason.",
    ),
    (
        "obo_fleet_revocations_total",
        "Revocations of users and sessions that were learned, by source.",
    ),
];

const GAUGES: [(&str, Unit, &str); 6] = [
    (
        "obo_key_set_keys",
        Unit::Count,
        "Usable keys of an issuer in its latest key set.",
    ),
    (
        "obo_key_set_fetched_timestamp_seconds",
        Unit::Seconds,
        "When the key set of an issuer was last fetched, in seconds since 1970.",
    ),
    (
        "obo_exchanges_under_way",
        Unit::Count,
        "Token exchanges that are in progress.",
    ),
    (
        "obo_breaker_open",
        Unit::Count,
        "Open circuit breakers of an endpoint: its own and those of its targets.",
    ),
    (
        "obo_fleet_revocations",
        Unit::Count,
        "Users and sessions whose tokens are revoked, as this process knows.",
    ),
    (
        "obo_fleet_heard_timestamp_seconds",
        Unit::Seconds,
        "When the log of revocations was last read to its end, in seconds since 1970.",
    ),
];

const HISTOGRAMS: [(&str, &str); 2] = [
    (
        "obo_introspection_duration_seconds",
        "How long an introspection took.",
    ),
    (
        "obo_exchange_duration_seconds",
        "How long a token exchange took, with all its attempts.",
    ),
];
