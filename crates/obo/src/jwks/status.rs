use std::time::Duration;

use crate::Issuer;

/// How it stands with the keys of one issuer, for probes and metrics.
///
/// From [`ResourceServer::key_status`](crate::ResourceServer::key_status); it tells of one moment and does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    pub(super) issuer: Issuer,
    pub(super) is_usable: bool,
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

    /// Whether tokens can be judged: there is a set, and it is not past its last limit.
    ///
    /// False before the first fetch too, which the first token causes.
    pub fn is_usable(&self) -> bool {
        self.is_usable
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
