use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use obo_core::{Caller, Issuer};

/// Who was forgotten while an issuer is asked, so that what was asked before is not relied on after.
pub(crate) struct Forgotten {
    questions: Mutex<Questions>,
    /// How often somebody was forgotten.
    epoch: AtomicU64,
    hasher: RandomState,
}

#[derive(Default)]
struct Questions {
    next: u64,
    /// Those under way, each with the digests of who was forgotten since it was asked.
    under_way: HashMap<u64, HashSet<u64>>,
}

/// A question that is under way, until it is dropped.
pub(crate) struct Question {
    forgotten: Arc<Forgotten>,
    id: u64,
}

/// The subject was forgotten after the question was asked.
pub(crate) struct Overtaken;

impl Forgotten {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            questions: Mutex::default(),
            epoch: AtomicU64::new(0),
            hasher: RandomState::new(),
        })
    }

    /// Forgets a subject, of which `clear` lets go of what is remembered: what is being asked about it now is not relied
    /// on from now on.
    ///
    /// In this order: what an answer under way has stored by then is found by `clear`, and it stores nothing more. The
    /// epoch is last, so that nothing of the new one has found what was remembered before.
    pub(crate) fn forget(&self, issuer: &Issuer, subject: &str, clear: impl FnOnce()) {
        let subject = self.digest(issuer, subject);
        for forgotten in self.lock().under_way.values_mut() {
            forgotten.insert(subject);
        }
        clear();
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Tells what began before somebody was forgotten from what came after.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn question(self: &Arc<Self>) -> Question {
        let mut questions = self.lock();
        let id = questions.next;
        questions.next += 1;
        questions.under_way.insert(id, HashSet::new());
        Question {
            forgotten: Arc::clone(self),
            id,
        }
    }

    fn digest(&self, issuer: &Issuer, subject: &str) -> u64 {
        self.hasher.hash_one((issuer.as_str(), subject))
    }

    fn lock(&self) -> MutexGuard<'_, Questions> {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// Does `remember`, unless the caller was forgotten since; nobody is forgotten while it is done, so that what it lets
    /// go of is handed over.
    pub(crate) fn unless_overtaken<T>(
        &self,
        caller: &Caller,
        remember: impl FnOnce() -> T,
    ) -> Result<T, Overtaken> {
        let subject = self.forgotten.digest(caller.issuer(), caller.subject());
        let questions = self.forgotten.lock();
        let since = questions.under_way.get(&self.id);
        if since.is_some_and(|since| since.contains(&subject)) {
            return Err(Overtaken);
        }
        Ok(remember())
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.forgotten.lock().under_way.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_epoch_finds_what_was_remembered_before_it() {
        let forgotten = Forgotten::new();
        let issuer = Issuer::new("https://idp.example").unwrap();
        let before = forgotten.epoch();
        forgotten.forget(&issuer, "alice", || assert_eq!(forgotten.epoch(), before));
        assert_ne!(forgotten.epoch(), before);
    }
}
