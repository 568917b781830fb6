//! Cached outcomes by subject: tokens until shortly before they expire, refusals for a moment.
//! Bounded by bytes.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use obo_core::{CacheKey, IssuedToken, UnixTime};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};
use tokio::time::Instant;

use super::bounds::CacheBounds;
use super::entries::{Entries, Hit, Outcome};
use super::lifetime::{renewed_after, usable};
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};
use crate::{observe, random};

/// The longest time for which the refusal of a subject token is cached.
const SUBJECT_INVALID: Duration = Duration::from_secs(30);
/// How long a denied target is cached: a permission may be granted at any time.
const TARGET_DENIED: Duration = Duration::from_secs(5);

/// How long an error of the setup is cached.
pub(super) const SETUP: Duration = Duration::from_secs(1);

/// After the called service rejected a token, the next token is not evicted for this long: the
/// service may reject every token.
const REJECTION_HOLDS: Duration = Duration::from_secs(30);
/// How many rejections are recorded.
const REJECTIONS: usize = 10_000;

/// How often expired entries are evicted.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

pub(super) struct TokenCache {
    /// In one shard: with several, a few large subjects could evict others from a shard while the
    /// cache has room.
    subjects: Cache<SubjectId, Arc<Entries>, Subjects, DefaultHashBuilder, Subjects>,
    /// Held by each change of `subjects`, so that no change undoes another one.
    changing: Mutex<()>,
    rejections: Cache<CacheKey, Instant>,
    next_sweep: Mutex<Instant>,
    hasher: RandomState,
    bounds: CacheBounds,
}

/// A user or this service itself, by a keyed hash. Subjects with equal hashes share the room for
/// entries, but never an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SubjectId(pub(super) u64);

/// Where an outcome is cached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) subject: SubjectId,
    pub(super) key: CacheKey,
}

/// Weighs the entries of a subject, and counts evicted ones.
#[derive(Clone)]
struct Subjects;

/// What a change replaces and evicts.
#[derive(Default)]
struct Change {
    /// The entries of a subject that its new ones replace: they are not evicted.
    old: Option<Arc<Entries>>,
    /// The number of evicted entries.
    evicted: usize,
}

impl Weighter<SubjectId, Arc<Entries>> for Subjects {
    fn weight(&self, _: &SubjectId, entries: &Arc<Entries>) -> u64 {
        entries.size() as u64
    }
}

impl Lifecycle<SubjectId, Arc<Entries>> for Subjects {
    type RequestState = Change;

    fn on_evict(&self, change: &mut Change, _: SubjectId, entries: Arc<Entries>) {
        let is_old = |old: &Arc<Entries>| Arc::ptr_eq(old, &entries);
        if !change.old.as_ref().is_some_and(is_old) {
            change.evicted += entries.len();
        }
    }
}

impl TokenCache {
    pub(super) fn new(bounds: CacheBounds) -> Self {
        let expected = (bounds.bytes / 4096).clamp(1, 10_000) as usize;
        let one_shard = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(expected)
            .weight_capacity(bounds.bytes)
            .build();
        let hasher = DefaultHashBuilder::default();
        let subjects = match one_shard {
            Ok(options) => Cache::with_options(options, Subjects, hasher, Subjects),
            // The builder fails only if a capacity is missing.
            Err(_) => Cache::with(expected, bounds.bytes, Subjects, hasher, Subjects),
        };
        Self {
            subjects,
            changing: Mutex::default(),
            rejections: Cache::new(REJECTIONS),
            next_sweep: Mutex::new(Instant::now() + SWEEP_EVERY),
            hasher: RandomState::new(),
            bounds,
        }
    }

    /// A number for a subject, or for any other value that can be hashed.
    pub(super) fn id(&self, of: impl Hash) -> SubjectId {
        SubjectId(self.hasher.hash_one(of))
    }

    /// The outcome that is cached there, unless it has ended on one of both clocks. `wall` is the
    /// time of the wall clock.
    pub(super) fn get(&self, place: &Place, wall: UnixTime) -> Option<Hit> {
        let entries = self.subjects.get(&place.subject)?;
        entries.get(&place.key, Instant::now(), wall)
    }

    /// Caches a token. Its time counts from when it was requested, given on both clocks, and ends
    /// with the caller's `session` at the latest. A token that has hardly any time left is not
    /// cached. Returns for how long it is used, from when it was requested.
    pub(super) fn insert(
        &self,
        place: Place,
        token: IssuedToken,
        (request_start, started_at): (Instant, UnixTime),
        session: Duration,
    ) -> Duration {
        let lifetime = token.lifetime(started_at);
        let fraction = random::fraction();
        let usable = usable(lifetime.min(session).min(self.bounds.lifetime), fraction);
        // If the session ends first, a new token would not be usable for longer.
        let renewed = renewed_after(usable, fraction).filter(|_| lifetime < session);
        self.store(
            place,
            Ok(token),
            (request_start + usable, started_at.saturating_add(usable)),
            renewed.map(|after| request_start + after),
        );
        usable
    }

    /// Caches a refusal that another request would meet again, until the caller's own token expires
    /// at the latest. Other refusals are not cached.
    pub(super) fn insert_refusal(
        &self,
        place: Place,
        error: &ExchangeError,
        session: Duration,
        wall: UnixTime,
    ) {
        let now = Instant::now();
        let most = match error.kind() {
            ExchangeErrorKind::SubjectInvalid => SUBJECT_INVALID,
            ExchangeErrorKind::TargetDenied => TARGET_DENIED,
            // Only another token of the caller can fix it.
            ExchangeErrorKind::StepUp => self.bounds.lifetime,
            _ if error.is_of_the_setup() && !self.has_token(&place, wall) => SETUP,
            _ => return self.postpone(&place),
        };
        let most = session.min(most).min(self.bounds.lifetime);
        let end = (now + most, wall.saturating_add(most));
        self.store(place, Err(error.clone()), end, None);
    }

    fn store(
        &self,
        place: Place,
        outcome: Outcome,
        end: (Instant, UnixTime),
        renew_at: Option<Instant>,
    ) {
        if end.0 <= Instant::now() {
            return;
        }
        let evicted = self.change(place.subject, |entries| {
            entries.insert(place.key, outcome, end, renew_at, &self.bounds)
        });
        observe::evicted("subject", evicted);
    }

    /// Evicts a token that the called service rejected. Returns whether another token may be
    /// accepted.
    pub(super) fn reject(&self, place: &Place, token: &IssuedToken) -> bool {
        let is_cached = self
            .subjects
            .get(&place.subject)
            .is_some_and(|entries| entries.has(&place.key, token));
        if !is_cached {
            return true;
        }
        let now = Instant::now();
        let last = self.rejections.get(&place.key);
        if last.is_some_and(|at| now < at + REJECTION_HOLDS) {
            return false;
        }
        self.rejections.insert(place.key, now);
        self.evict(place, token);
        true
    }

    /// Evicts a token, if it is still the cached one; returns whether it was.
    pub(super) fn evict(&self, place: &Place, token: &IssuedToken) {
        let was_cached = self.change(place.subject, |entries| entries.remove(&place.key, token));
        observe::evicted("rejected", usize::from(was_cached));
    }

    /// Periodically evicts subjects whose entries have all expired.
    pub(super) fn sweep(&self, wall: UnixTime) {
        let now = Instant::now();
        {
            let mut next = self.next_sweep.lock();
            if now < *next {
                return;
            }
            *next = now + SWEEP_EVERY;
        }
        let changing = self.changing.lock();
        let gone = AtomicUsize::new(0);
        self.subjects.retain(|_, entries| {
            let expired = entries.all_expired(now, wall);
            gone.fetch_add(expired.unwrap_or_default(), Ordering::Relaxed);
            expired.is_none()
        });
        drop(changing);
        observe::evicted("expired", gone.into_inner());
    }

    /// Evicts all entries of a subject.
    pub(super) fn evict_all(&self, subject: SubjectId) {
        let changing = self.changing.lock();
        let evicted = self.subjects.remove(&subject);
        drop(changing);
        if let Some((_, entries)) = evicted {
            observe::evicted("revoked", entries.len());
        }
    }

    /// Postpones the next renewal of a cached token, which stays usable.
    pub(super) fn postpone(&self, place: &Place) {
        let now = Instant::now();
        self.change(place.subject, |entries| entries.postpone(&place.key, now));
    }

    fn has_token(&self, place: &Place, wall: UnixTime) -> bool {
        self.get(place, wall).is_some_and(|hit| hit.outcome.is_ok())
    }

    /// Changes the entries of a subject. If they grow, other subjects are evicted.
    fn change<R>(&self, subject: SubjectId, change: impl FnOnce(&mut Entries) -> R) -> R {
        let changing = self.changing.lock();
        let old = self.subjects.get(&subject);
        let mut entries = old.as_deref().cloned().unwrap_or_default();
        let result = change(&mut entries);
        let mut changed = Change { old, evicted: 0 };
        if entries.len() == 0 {
            self.subjects.remove(&subject);
        } else {
            self.subjects
                .insert_with_lifecycle(subject, Arc::new(entries), &mut changed);
        }
        // Counted without the lock: a recorder is code of the application.
        drop(changing);
        observe::evicted("capacity", changed.evicted);
        result
    }
}
