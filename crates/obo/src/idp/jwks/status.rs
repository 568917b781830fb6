use std::time::Duration;

use obo_core::Issuer;

/// How it stands with the keys of one issuer, for probes and metrics.
///
/// From [`ResourceServer::key_status`](crate::ResourceServer::key_status); it tells of one moment and does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    pub(super) issuer: Issuer,
    pub(super) is_usable: bool,
    pub(super) is_untried: bool,
    pub(super) keys: usize,
    pub(super) skipped: usize,
    pub(super) age: Option<Duration>,
    pub(super) last_error: Option<&'static str>,
}

impl KeyStatus {
    /// Whose keys.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Whether tokens can be validated: there is a key set that is not past its last limit, or the issuer is lazy and its
    /// keys are still to be fetched by its first token.
    ///
    /// For metrics and alerts. A readiness probe asks [`ResourceServer::is_ready`](crate::ResourceServer::is_ready), since
    /// a probe that waits for the keys of a lazy issuer keeps away the very token that would fetch them.
    pub fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// The status of an issuer whose keys are fetched by its first token.
    pub(crate) fn of_lazy(mut self) -> Self {
        self.is_usable |= self.is_untried;
        self
    }

    /// How many keys of the set are usable; 0 without a set, and when the issuer has withdrawn all.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// How many entries of the set were skipped.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// How long ago the set was fetched; `None` without one.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// Why the last fetch failed: `discovery_failed`, `no_answer`, `refused`, `unusable_key_set`; `None` when it did not.
    pub fn last_error(&self) -> Option<&'static str> {
        self.last_error
    }
}
