//! The revocation marks that this process knows.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use obo_core::fleet::{RevocationMark, Revoked};
use obo_core::{Caller, UnixTime};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

/// The most marks. When they are all in force, those that end first are dropped.
const MOST: usize = 1_000_000;
/// The most marks that are written again if the store loses them.
const MOST_WHOLE: usize = 100_000;

pub(super) struct Marks {
    /// By a keyed hash of issuer and user or session. Two with equal hashes would be refused
    /// together.
    known: RwLock<HashMap<u64, Mark>>,
    /// Some of them with their names, to be written again if the store loses them.
    whole: Mutex<HashMap<u64, RevocationMark>>,
    /// As many as are known, to be read without the lock.
    count: AtomicUsize,
    /// How often a mark was added.
    revocations: AtomicU64,
    hasher: RandomState,
    changed: Arc<Notify>,
}

#[derive(Clone, Copy)]
struct Mark {
    until: u64,
    ends_at: u64,
}

impl Marks {
    pub(super) fn new() -> Self {
        Self {
            known: RwLock::default(),
            whole: Mutex::default(),
            count: AtomicUsize::new(0),
            revocations: AtomicU64::new(0),
            hasher: RandomState::new(),
            changed: Arc::default(),
        }
    }

    /// Adds a mark. Returns whether it revokes more than was known.
    pub(super) fn insert(&self, mark: &RevocationMark, now: UnixTime) -> bool {
        if mark.ends_at <= now {
            return false;
        }
        let Some(key) = self.key_of(mark) else {
            return false;
        };
        let (until, ends_at) = (mark.until.as_secs(), mark.ends_at.as_secs());
        {
            let mut known = self.known.write();
            if let Some(known) = known.get_mut(&key)
                && known.until >= until
            {
                known.ends_at = known.ends_at.max(ends_at);
                return false;
            }
            if known.len() >= MOST {
                let mut ends: Vec<u64> = known.values().map(|mark| mark.ends_at).collect();
                let (_, tenth, _) = ends.select_nth_unstable(MOST / 10);
                let earliest = *tenth;
                known.retain(|_, mark| mark.ends_at > earliest);
            }
            known.insert(key, Mark { until, ends_at });
            self.count.store(known.len(), Ordering::Release);
        }
        let mut whole = self.whole.lock();
        if whole.len() < MOST_WHOLE || whole.contains_key(&key) {
            whole.insert(key, mark.clone());
        }
        drop(whole);
        self.revocations.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
        true
    }

    /// Whether a mark covers this caller's token, as
    /// [`RevocationMark::covers`](obo_core::fleet::RevocationMark::covers) says.
    pub(super) fn cover<C>(&self, caller: &Caller<C>, now: UnixTime) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let issuer = caller.issuer().as_str();
        let user = self.key(issuer, false, caller.subject());
        let session = (caller.session()).map(|session| self.key(issuer, true, session));
        let dated = caller.dated_at().map(UnixTime::as_secs);
        let known = self.known.read();
        [Some(user), session].into_iter().flatten().any(|key| {
            known.get(&key).is_some_and(|mark| {
                now.as_secs() < mark.ends_at && dated.is_none_or(|dated| dated <= mark.until)
            })
        })
    }

    /// Drops marks that have ended.
    pub(super) fn sweep(&self, now: UnixTime) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut known = self.known.write();
        known.retain(|_, mark| now.as_secs() < mark.ends_at);
        self.count.store(known.len(), Ordering::Release);
        drop(known);
        self.whole.lock().retain(|_, mark| now < mark.ends_at);
    }

    pub(super) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::Acquire)
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Is notified of each mark that revokes more.
    pub(super) fn changed(&self) -> &Arc<Notify> {
        &self.changed
    }

    /// The marks in force whose names are known, each by its key.
    pub(super) fn whole(&self, now: UnixTime) -> HashMap<u64, RevocationMark> {
        let whole = self.whole.lock();
        let whole = whole.iter().filter(|(_, it)| now < it.ends_at);
        let whole = whole.map(|(key, mark)| (*key, mark.clone()));
        whole.collect()
    }

    /// The key of a mark in this process.
    pub(super) fn key_of(&self, mark: &RevocationMark) -> Option<u64> {
        let (is_session, name) = match &mark.of {
            Revoked::Subject(subject) => (false, subject),
            Revoked::Session(session) => (true, session),
            _ => return None,
        };
        Some(self.key(mark.issuer.as_str(), is_session, name))
    }

    fn key(&self, issuer: &str, is_session: bool, name: &str) -> u64 {
        self.hasher.hash_one((issuer, is_session, name))
    }
}
