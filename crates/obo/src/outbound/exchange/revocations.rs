use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use obo_core::{Caller, UnixTime};
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use super::cache::SubjectId;

/// How many subjects are recorded; the least used ones are evicted beyond it.
const SUBJECTS: usize = 65_536;
/// How many seen tokens are recorded.
const TOKENS: usize = 65_536;
/// How long a token without a time of issue is refused: longer than access tokens live.
const UNDATED: Duration = Duration::from_secs(24 * 60 * 60);

/// The subjects whose tokens were revoked, and when.
///
/// Tokens state times in whole seconds. A token of the very second of a logout may be from before
/// it or, after a quick login, from after it. It is from before if it was seen before the logout
/// was reported.
pub(super) struct Revocations {
    changing: Mutex<()>,
    marks: Cache<SubjectId, Mark>,
    /// Tokens by a keyed hash, with the number of revocations when they were first seen.
    seen: Cache<u64, u64>,
    /// The number of revocations.
    count: AtomicU64,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Mark {
    until: UnixTime,
    /// The number of the revocation, from 0.
    number: u64,
    set_at: UnixTime,
}

impl Revocations {
    pub(super) fn new() -> Self {
        Self {
            changing: Mutex::default(),
            marks: Cache::new(SUBJECTS),
            seen: Cache::new(TOKENS),
            count: AtomicU64::new(0),
            hasher: RandomState::new(),
        }
    }

    /// Revokes the tokens of a subject that were issued until then.
    pub(super) fn insert(&self, subject: SubjectId, until: UnixTime, now: UnixTime) {
        // The later time stays, even if two come at once.
        let _changing = self.changing.lock();
        let mark = Mark {
            until,
            number: self.count.fetch_add(1, Ordering::AcqRel),
            set_at: now,
        };
        let known = self.marks.get(&subject);
        if known.is_none_or(|known| known.until.as_secs() <= until.as_secs()) {
            self.marks.insert(subject, mark);
        }
    }

    /// Records that a token was seen, before it is exchanged.
    pub(super) fn saw(&self, caller: &Caller) {
        let count = self.count.load(Ordering::Acquire);
        let key = self.key(caller);
        // The first time counts.
        let _ = self.seen.get_or_insert_with(&key, || Ok::<_, ()>(count));
    }

    /// Whether a token is revoked.
    ///
    /// A token without `iat` is dated by its `auth_time`. A token without both is refused for a day
    /// after a revocation of its subject.
    pub(super) fn cover(&self, subject: SubjectId, caller: &Caller, now: UnixTime) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let Some(mark) = self.marks.get(&subject) else {
            return false;
        };
        let Some(issued_at) = caller.issued_at().or(caller.auth_time()) else {
            return now < mark.set_at.saturating_add(UNDATED);
        };
        let (issued_at, until) = (issued_at.as_secs(), mark.until.as_secs());
        issued_at < until || issued_at == until && self.was_seen_before(&mark, caller)
    }

    fn was_seen_before(&self, mark: &Mark, caller: &Caller) -> bool {
        let seen = self.seen.get(&self.key(caller));
        seen.is_some_and(|count| count <= mark.number)
    }

    fn key(&self, caller: &Caller) -> u64 {
        let token = caller.subject_token().expose();
        self.hasher.hash_one((caller.issuer().as_str(), token))
    }
}
