use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use quick_cache::sync::Cache;

use super::cache::SubjectId;
use crate::UnixTime;

/// How many subjects are remembered; beyond it, those that nobody asked for are forgotten first.
const SUBJECTS: usize = 65_536;

/// Whose tokens were revoked, and when.
pub(super) struct Revocations {
    any: AtomicBool,
    changing: Mutex<()>,
    at: Cache<SubjectId, UnixTime>,
}

impl Revocations {
    pub(super) fn new() -> Self {
        Self {
            any: AtomicBool::new(false),
            changing: Mutex::default(),
            at: Cache::new(SUBJECTS),
        }
    }

    /// Revokes what the subject's issuer issued until then.
    pub(super) fn insert(&self, subject: SubjectId, until: UnixTime) {
        // The later time stays, also of two that come at once.
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.at.get(&subject);
        self.at
            .insert(subject, known.map_or(until, |known| known.max(until)));
        self.any.store(true, Ordering::Release);
    }

    /// Whether a token of that age is revoked; one that does not say is, once anything of its subject was.
    pub(super) fn cover(&self, subject: SubjectId, issued_at: Option<UnixTime>) -> bool {
        self.any.load(Ordering::Acquire)
            && self
                .at
                .get(&subject)
                .is_some_and(|until| issued_at.is_none_or(|at| at <= until))
    }
}
