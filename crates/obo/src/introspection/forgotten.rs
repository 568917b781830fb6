use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Issuer, Validated};

/// Who was forgotten while an issuer is asked, so that what was asked before is not relied on after.
pub(crate) struct Forgotten {
    questions: Mutex<Questions>,
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
            hasher: RandomState::new(),
        })
    }

    /// What is being asked about the subject now is not relied on from now on.
    pub(crate) fn insert(&self, issuer: &Issuer, subject: &str) {
        let subject = self.digest(issuer, subject);
        for forgotten in self.lock().under_way.values_mut() {
            forgotten.insert(subject);
        }
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
    /// Does `remember`, unless the caller was forgotten since; nobody is forgotten while it is done.
    pub(crate) fn unless_overtaken(
        &self,
        caller: &Validated,
        remember: impl FnOnce(),
    ) -> Result<(), Overtaken> {
        let subject = self.forgotten.digest(caller.issuer(), caller.subject());
        let questions = self.forgotten.lock();
        let since = questions.under_way.get(&self.id);
        if since.is_some_and(|since| since.contains(&subject)) {
            return Err(Overtaken);
        }
        remember();
        Ok(())
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.forgotten.lock().under_way.remove(&self.id);
    }
}
