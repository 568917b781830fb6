use obo_core::Issuer;

/// A logout was received: its tokens are revoked, or it was received before.
pub(crate) fn logout_received(kind: &'static str, issuer: &Issuer, is_first: bool) {
    let outcome = if is_first { "revoked" } else { "repeated" };
    count!("obo_logouts_total", "kind" => kind, "outcome" => outcome);
    event!(
        INFO,
        kind,
        issuer = issuer.as_str(),
        outcome,
        "logout received"
    );
}

/// A valid message has no event that revokes tokens.
pub(crate) fn logout_ignored(kind: &'static str) {
    count!("obo_logouts_total", "kind" => kind, "outcome" => "ignored");
    event!(DEBUG, kind, outcome = "ignored", "logout received");
}

/// A message is not valid.
pub(crate) fn logout_refused(kind: &'static str, code: &'static str, problem: &str) {
    count!("obo_logouts_total", "kind" => kind, "outcome" => "refused");
    event!(
        INFO,
        kind,
        outcome = "refused",
        code,
        reason = problem,
        "logout received"
    );
}

/// A logout cannot be processed now: the keys or the shared store are not available.
pub(crate) fn logout_unavailable(kind: &'static str, problem: &str) {
    count!("obo_logouts_total", "kind" => kind, "outcome" => "unavailable");
    event!(
        WARN,
        kind,
        outcome = "unavailable",
        reason = problem,
        "logout received"
    );
}
