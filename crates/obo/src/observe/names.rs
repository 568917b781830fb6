//! How records name users and tokens: never by the bytes of a token.

use std::sync::LazyLock;

use obo_core::binding::{Binding, Thumbprint};
use obo_core::{AuditSubjects, Caller, IssuedToken, PseudonymKey, record_text};

use crate::random;

/// The target of the audit records.
pub(super) const AUDIT: &str = "obo::audit";

/// The key of this process; `None` if there is no randomness: then records have no pseudonyms,
/// rather than names.
fn key(subjects: &AuditSubjects) -> Option<&PseudonymKey> {
    static KEY: LazyLock<Option<PseudonymKey>> =
        LazyLock::new(|| random::bytes().map(PseudonymKey::new));
    subjects.key().or(KEY.as_ref())
}

/// The subject of a caller: its pseudonym, or its name if that is configured.
pub(super) fn subject(subjects: &AuditSubjects, caller: &Caller) -> Option<String> {
    match subjects.is_plain() {
        true => Some(record_text(caller.subject())),
        false => key(subjects).map(|key| key.of(caller)),
    }
}

/// The `jti` of the caller's token.
pub(super) fn caller_jti(caller: &Caller) -> Option<String> {
    caller.token_id().map(record_text)
}

/// A digest of the caller's token, if it has no `jti` of its own: an opaque token may have one by
/// introspection, which the service that obtained it does not know.
pub(super) fn caller_digest(subjects: &AuditSubjects, caller: &Caller) -> Option<String> {
    let token = caller.subject_token().expose();
    let is_opaque = || token.bytes().filter(|b| *b == b'.').count() != 2;
    (caller.token_id().is_none() || is_opaque())
        .then(|| digest(subjects, token))
        .flatten()
}

/// What a token is bound to, such as `dpop:kPrK_qmx`; `None` for a bearer token.
pub(super) fn binding(binding: &Binding) -> Option<String> {
    bound_to(binding.jkt.as_ref(), binding.certificate.is_some())
}

/// The same by its parts. The first characters tell keys apart in a log.
pub(super) fn bound_to(key: Option<&Thumbprint>, has_certificate: bool) -> Option<String> {
    let key = key.map(|key| format!("dpop:{:.8}", key.to_string()));
    let certificate = has_certificate.then(|| "certificate".to_owned());
    let bindings: Vec<_> = key.into_iter().chain(certificate).collect();
    (!bindings.is_empty()).then(|| bindings.join(" "))
}

/// The `jti` of an issued token, or else a digest of it.
pub(super) fn issued(
    subjects: &AuditSubjects,
    token: &IssuedToken,
) -> (Option<String>, Option<String>) {
    match token.token_id() {
        Some(jti) => (Some(jti), None),
        None => (None, digest(subjects, token.expose())),
    }
}

fn digest(subjects: &AuditSubjects, token: &str) -> Option<String> {
    key(subjects).map(|key| key.of_token(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_shows_start_of_key() {
        let key = Thumbprint::parse("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let certificate = Some([7; 32]);
        for (jkt, certificate, expected) in [
            (None, None, None),
            (key, None, Some("dpop:kPrK_qmx")),
            (None, certificate, Some("certificate")),
            (key, certificate, Some("dpop:kPrK_qmx certificate")),
        ] {
            assert_eq!(binding(&Binding { jkt, certificate }).as_deref(), expected);
        }
    }
}
