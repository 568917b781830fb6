use std::time::Duration;

use obo_core::Issuer;

/// The status of the keys of one issuer, for probes and metrics.
///
/// From [`ResourceServer::key_status`](crate::ResourceServer::key_status). It is a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    pub(super) issuer: Issuer,
    pub(super) is_usable: bool,
    pub(super) is_untried: bool,
    pub(super) keys: usize,
    pub(super) skipped: usize,
    pub(super) age: Option<Duration>,
    pub(super) last_error: Option<&'static str>,
    pub(super) problem: Option<String>,
}

impl KeyStatus {
    /// Returns the issuer of the keys.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Whether tokens can be validated: there is a usable key set, or the issuer is lazy and its
    /// first token will fetch the keys.
    ///
    /// For metrics and alerts. Use [`ResourceServer::is_ready`](crate::ResourceServer::is_ready) in
    /// a readiness probe: a probe that waits for the keys of a lazy issuer keeps away the token
    /// that would fetch them.
    pub fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// The status of an issuer whose keys are fetched by its first token.
    pub(crate) fn of_lazy(mut self) -> Self {
        self.is_usable |= self.is_untried;
        self
    }

    /// Returns how many keys of the set are usable; 0 without a set, and if the issuer has
    /// withdrawn all keys.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Returns how many entries of the set were skipped.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Returns how long ago the set was fetched; `None` without a set.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// Returns why the last fetch failed: `discovery_failed`, `no_response`, `refused`,
    /// `unusable_key_set`; `None` if it succeeded.
    pub fn last_error(&self) -> Option<&'static str> {
        self.last_error
    }

    /// Returns what went wrong in the last fetch, as text for people; `None` if it succeeded.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}
