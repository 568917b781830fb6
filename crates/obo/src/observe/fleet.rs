use obo_core::{Issuer, UnixTime};

/// A call of the shared store ended.
pub(crate) fn store_call(operation: &'static str, outcome: &'static str) {
    count!("obo_fleet_store_calls_total", "operation" => operation, "outcome" => outcome);
}

/// A call of the store failed. Logged now and then for each operation.
pub(crate) fn store_call_failed(operation: &'static str, problem: &str) {
    event!(WARN, operation, problem, "call of the shared store failed");
}

/// The store failed several times in a row, or at the start.
pub(crate) fn store_unavailable(problem: &str, is_of_setup: bool) {
    event!(WARN, problem, is_of_setup, "shared store not available");
}

/// The store responds again.
pub(crate) fn store_available() {
    event!(INFO, "shared store available again");
}

/// A token or response was looked up in the store.
pub(crate) fn shared_lookup(kind: &'static str, is_hit: bool) {
    let result = if is_hit { "hit" } else { "miss" };
    count!("obo_fleet_lookups_total", "kind" => kind, "result" => result);
}

/// A value of the store is not used: it has another version or key, or was not made by a replica.
pub(crate) fn value_ignored(kind: &'static str, code: &'static str, is_logged: bool) {
    count!("obo_fleet_values_ignored_total", "kind" => kind, "reason" => code);
    if is_logged {
        event!(
            WARN,
            kind,
            reason = code,
            "value of the shared store ignored; do all replicas have the same key ring?"
        );
    }
}

/// A user or a session was revoked.
pub(crate) fn revoked(issuer: &Issuer, source: &'static str, known: usize) {
    count!("obo_fleet_revocations_total", "source" => source);
    gauge!("obo_fleet_revocations", known as f64);
    event!(
        INFO,
        issuer = issuer.as_str(),
        source,
        "tokens of a user or a session revoked"
    );
}

/// The log of logouts was read to its end.
pub(crate) fn fleet_heard(now: UnixTime) {
    gauge!("obo_fleet_heard_timestamp_seconds", now.as_secs() as f64);
}

/// The task that listens for logouts had ended while the fleet is in use.
pub(crate) fn listener_ended(reason: &'static str) {
    event!(WARN, reason, "listening for logouts ended and starts again");
}

/// The newest logout in the store does not open, so logouts of other replicas are missed.
pub(crate) fn logouts_unreadable(reason: &'static str) {
    event!(
        WARN,
        reason,
        "logouts of the shared store cannot be opened; do all replicas have the same key ring?"
    );
}

/// The newest logout in the store opens again.
pub(crate) fn logouts_readable() {
    event!(INFO, "logouts of the shared store can be opened again");
}

/// The files of the key ring have changed.
pub(crate) fn ring_renewed<'i>(ids: impl Iterator<Item = &'i str>) {
    #[cfg(feature = "tracing")]
    let ids = ids.collect::<Vec<_>>().join(" ");
    event!(INFO, ids, "key ring renewed");
}

/// The files of the key ring cannot be used. The previous keys are still used.
pub(crate) fn ring_not_renewed(problem: &str) {
    event!(WARN, problem, "key ring not renewed");
}
