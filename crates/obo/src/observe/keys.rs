use obo_core::{Issuer, KeySet};

/// A key set was fetched.
pub(crate) fn keys_fetched(issuer: &Issuer, usable: usize, skipped: usize) {
    count!("obo_key_set_fetches_total", "outcome" => "ok", "issuer" => issuer.to_string());
    gauge!("obo_key_set_keys", usable as f64, "issuer" => issuer.to_string());
    gauge!(
        "obo_key_set_fetched_timestamp_seconds",
        crate::clock::Clock::system().now().as_secs() as f64,
        "issuer" => issuer.to_string(),
    );
    event!(
        DEBUG,
        issuer = issuer.as_str(),
        usable,
        skipped,
        "key set fetched"
    );
}

/// Some keys of a fetched set are not used. Emitted once for each changed document.
pub(crate) fn keys_skipped(issuer: &Issuer, keys: &KeySet) {
    #[cfg(feature = "tracing")]
    if keys.skipped() > 0 {
        let reasons: Vec<_> = keys
            .first_skipped()
            .iter()
            .map(ToString::to_string)
            .collect();
        event!(
            INFO,
            issuer = issuer.as_str(),
            skipped = keys.skipped(),
            reasons = reasons.join("; "),
            "keys of the set skipped"
        );
    }
}

/// A key set could not be fetched.
pub(crate) fn keys_unavailable(issuer: &Issuer, code: &'static str, problem: &str) {
    count!("obo_key_set_fetches_total", "outcome" => code, "issuer" => issuer.to_string());
    event!(
        WARN,
        issuer = issuer.as_str(),
        code,
        problem,
        "key set not available"
    );
}

/// A discovery document could not be renewed. The cached one is still used.
pub(crate) fn not_rediscovered(issuer: &Issuer, problem: &str) {
    event!(
        WARN,
        issuer = issuer.as_str(),
        problem,
        "discovery document not renewed"
    );
}
