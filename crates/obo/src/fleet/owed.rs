use std::collections::HashMap;

use obo_core::fleet::RevocationMark;
use parking_lot::Mutex;

/// The most marks that are kept for a store that does not respond, or that has lost them.
const MOST: usize = 100_000;
/// The most marks that are written after one reading of the log, if there is time. Before the next
/// ones, the log shows what other replicas have written meanwhile.
const AT_ONCE: usize = 1000;

/// The marks that the store does not have and should, by their keys in this process.
#[derive(Default)]
pub(super) struct Owed(Mutex<HashMap<u64, RevocationMark>>);

impl Owed {
    pub(super) fn add(&self, marks: impl IntoIterator<Item = (u64, RevocationMark)>) {
        let mut owed = self.0.lock();
        for (key, mark) in marks {
            let is_later = |it: &RevocationMark| it.until < mark.until;
            if owed.get(&key).map_or(owed.len() < MOST, is_later) {
                owed.insert(key, mark);
            }
        }
    }

    /// The log has this mark, which may have been written by another replica.
    pub(super) fn written(&self, key: u64, mark: &RevocationMark) {
        let mut owed = self.0.lock();
        if owed
            .get(&key)
            .is_some_and(|it| it.until.as_secs() <= mark.until.as_secs())
        {
            owed.remove(&key);
        }
    }

    /// Some of the marks. They stay until they are [`written`](Self::written). The order differs
    /// between replicas, so that each writes others.
    pub(super) fn some(&self) -> Vec<(u64, RevocationMark)> {
        let owed = self.0.lock();
        let some = owed.iter().take(AT_ONCE);
        some.map(|(key, mark)| (*key, mark.clone())).collect()
    }
}
