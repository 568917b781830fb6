use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use obo_core::{Caller, Issuer};

/// The users that were forgotten while introspection requests run, so that an outdated response is
/// not used.
pub(crate) struct Forgotten {
    attempts: Mutex<Attempts>,
    /// How often a user was forgotten.
    epoch: AtomicU64,
    hasher: RandomState,
}

#[derive(Default)]
struct Attempts {
    next: u64,
    /// Those that run, each with the digests of the users that were forgotten since it started.
    running: HashMap<u64, HashSet<u64>>,
}

/// One introspection request, until it is dropped.
pub(crate) struct Attempt {
    forgotten: Arc<Forgotten>,
    id: u64,
}

/// The user was forgotten after the attempt started.
pub(crate) struct Outdated;

impl Forgotten {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            attempts: Mutex::default(),
            epoch: AtomicU64::new(0),
            hasher: RandomState::new(),
        })
    }

    /// Forgets a user: outdates the attempts that run, and calls `clear` to evict the user's tokens
    /// from the cache.
    ///
    /// The order matters. An attempt stores its outcome before `clear`, which then evicts it, or
    /// not at all. The epoch changes last, so that a request of the new epoch never finds an older
    /// entry.
    pub(crate) fn forget(&self, issuer: &Issuer, subject: &str, clear: impl FnOnce()) {
        let subject = self.digest(issuer, subject);
        for forgotten in self.lock().running.values_mut() {
            forgotten.insert(subject);
        }
        clear();
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// A number that changes each time a user is forgotten.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn attempt(self: &Arc<Self>) -> Attempt {
        let mut attempts = self.lock();
        let id = attempts.next;
        attempts.next += 1;
        attempts.running.insert(id, HashSet::new());
        Attempt {
            forgotten: Arc::clone(self),
            id,
        }
    }

    fn digest(&self, issuer: &Issuer, subject: &str) -> u64 {
        self.hasher.hash_one((issuer.as_str(), subject))
    }

    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Calls `store`, unless the user was forgotten since the attempt started.
    ///
    /// `store` runs under the lock, so no user is forgotten meanwhile. It returns what it evicts,
    /// to be dropped without the lock.
    pub(crate) fn unless_outdated<T>(
        &self,
        caller: &Caller,
        store: impl FnOnce() -> T,
    ) -> Result<T, Outdated> {
        let subject = self.forgotten.digest(caller.issuer(), caller.subject());
        let attempts = self.forgotten.lock();
        let since = attempts.running.get(&self.id);
        if since.is_some_and(|since| since.contains(&subject)) {
            return Err(Outdated);
        }
        Ok(store())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.forgotten.lock().running.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eviction_precedes_the_new_epoch() {
        let forgotten = Forgotten::new();
        let issuer = Issuer::new("https://idp.example").unwrap();
        let before = forgotten.epoch();
        forgotten.forget(&issuer, "alice", || assert_eq!(forgotten.epoch(), before));
        assert_ne!(forgotten.epoch(), before);
    }
}
