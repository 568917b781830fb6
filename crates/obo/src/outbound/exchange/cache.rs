//! Outcomes at hand, by subject: tokens until shortly before they expire, refusals for a moment; bounded by bytes.

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

/// The longest that a caller is told again that its token is not accepted.
const SUBJECT_INVALID: Duration = Duration::from_secs(30);
/// How long a caller is told again that a target is denied: a grant may come any time.
const TARGET_DENIED: Duration = Duration::from_secs(5);

/// How long an outcome is kept that says that the set-up is wrong.
pub(super) const SETUP: Duration = Duration::from_secs(1);

/// How long after a downstream service rejected a token the next one is not let go for the same reason: the service rejects
/// whatever it is sent.
const REJECTION_HOLDS: Duration = Duration::from_secs(30);
/// How many rejections are remembered.
const REJECTIONS: usize = 10_000;

/// How often what has expired is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

pub(super) struct TokenCache {
    /// In one shard: shards of their own bounds would let a few large subjects evict others while there is room.
    subjects: Cache<SubjectId, Arc<Entries>, Subjects, DefaultHashBuilder, Subjects>,
    /// Held by whatever changes `subjects`: what one change takes away, no other one puts back.
    changing: Mutex<()>,
    rejections: Cache<CacheKey, Instant>,
    next_sweep: Mutex<Instant>,
    hasher: RandomState,
    bounds: CacheBounds,
}

/// A user or this service itself, by a keyed hash: who shares one shares the room for entries, and never an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SubjectId(pub(super) u64);

/// Where an outcome is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) subject: SubjectId,
    pub(super) key: CacheKey,
}

/// Weighs a subject's entries, and counts those that are evicted.
#[derive(Clone)]
struct Subjects;

impl Weighter<SubjectId, Arc<Entries>> for Subjects {
    fn weight(&self, _: &SubjectId, entries: &Arc<Entries>) -> u64 {
        entries.size() as u64
    }
}

impl Lifecycle<SubjectId, Arc<Entries>> for Subjects {
    /// The entries of a subject that its new ones replace: they are not evicted.
    type RequestState = Option<Arc<Entries>>;

    fn on_evict(&self, old: &mut Self::RequestState, _: SubjectId, entries: Arc<Entries>) {
        let is_old = |old: &Arc<Entries>| Arc::ptr_eq(old, &entries);
        if !old.as_ref().is_some_and(is_old) {
            observe::let_go("capacity", entries.len());
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
            // The builder fails only if one of the two capacities is missing.
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

    /// What stands for a subject, or for anything else that can be hashed.
    pub(super) fn id(&self, of: impl Hash) -> SubjectId {
        SubjectId(self.hasher.hash_one(of))
    }

    /// What is cached there and has ended on neither clock; `wall` is the time of the wall clock.
    pub(super) fn get(&self, place: &Place, wall: UnixTime) -> Option<Hit> {
        let entries = self.subjects.get(&place.subject)?;
        entries.get(&place.key, Instant::now(), wall)
    }

    /// Keeps a token from when it was requested, which is given on both clocks, no longer than the caller's `session`; one
    /// that hardly lives is not kept.
    pub(super) fn insert(
        &self,
        place: Place,
        token: IssuedToken,
        (request_start, started_at): (Instant, UnixTime),
        session: Duration,
    ) {
        let lifetime = token.lifetime(started_at);
        let fraction = random::fraction();
        let usable = usable(lifetime.min(session).min(self.bounds.lifetime), fraction);
        // A new token of a session that ends first would not be used for longer.
        let renewed = renewed_after(usable, fraction).filter(|_| lifetime < session);
        self.keep(
            place,
            Ok(token),
            (request_start + usable, started_at.saturating_add(usable)),
            renewed.map(|after| request_start + after),
        );
    }

    /// Keeps a refusal that asking again would not change, while the caller's own token lives; others are not kept.
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
            // Only another token of the caller's mends it.
            ExchangeErrorKind::StepUp => self.bounds.lifetime,
            _ if error.is_of_the_setup() && !self.has_token(&place, wall) => SETUP,
            _ => return self.postpone(&place),
        };
        let most = session.min(most).min(self.bounds.lifetime);
        let end = (now + most, wall.saturating_add(most));
        self.keep(place, Err(error.clone()), end, None);
    }

    fn keep(
        &self,
        place: Place,
        outcome: Outcome,
        end: (Instant, UnixTime),
        renew_at: Option<Instant>,
    ) {
        if end.0 <= Instant::now() {
            return;
        }
        self.change(place.subject, |entries| {
            let evicted = entries.insert(place.key, outcome, end, renew_at, &self.bounds);
            observe::let_go("subject", evicted);
        });
    }

    /// Lets a token go that a downstream service rejected; whether another one may do.
    pub(super) fn reject(&self, place: &Place, token: &IssuedToken) -> bool {
        let is_at_hand = self
            .subjects
            .get(&place.subject)
            .is_some_and(|entries| entries.has(&place.key, token));
        if !is_at_hand {
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

    /// Evicts a token that the authorization server may not accept any more, if it is still what is cached.
    pub(super) fn evict(&self, place: &Place, token: &IssuedToken) {
        let mut was_cached = false;
        self.change(place.subject, |entries| {
            was_cached = entries.remove(&place.key, token);
        });
        observe::let_go("rejected", usize::from(was_cached));
    }

    /// Lets the tokens of those go who ask for nothing any more, once in a while: they would stay until there is no room.
    pub(super) fn sweep(&self, wall: UnixTime) {
        let now = Instant::now();
        {
            let mut next = self.next_sweep.lock();
            if now < *next {
                return;
            }
            *next = now + SWEEP_EVERY;
        }
        let _changing = self.changing.lock();
        let gone = AtomicUsize::new(0);
        self.subjects.retain(|_, entries| {
            let expired = entries.all_expired(now, wall);
            gone.fetch_add(expired.unwrap_or_default(), Ordering::Relaxed);
            expired.is_none()
        });
        observe::let_go("expired", gone.into_inner());
    }

    /// Lets everything of a subject go.
    pub(super) fn forget(&self, subject: SubjectId) {
        let _changing = self.changing.lock();
        if let Some((_, entries)) = self.subjects.remove(&subject) {
            observe::let_go("revoked", entries.len());
        }
    }

    /// Puts the next renewal of a cached token off: the token stays usable.
    pub(super) fn postpone(&self, place: &Place) {
        let now = Instant::now();
        self.change(place.subject, |entries| entries.postpone(&place.key, now));
    }

    fn has_token(&self, place: &Place, wall: UnixTime) -> bool {
        self.get(place, wall).is_some_and(|hit| hit.outcome.is_ok())
    }

    /// Changes what is cached for a subject; what has grown makes room for itself.
    fn change(&self, subject: SubjectId, change: impl FnOnce(&mut Entries)) {
        let _changing = self.changing.lock();
        let mut old = self.subjects.get(&subject);
        let mut entries = old.as_deref().cloned().unwrap_or_default();
        change(&mut entries);
        if entries.len() == 0 {
            self.subjects.remove(&subject);
        } else {
            self.subjects
                .insert_with_lifecycle(subject, Arc::new(entries), &mut old);
        }
    }
}
