//! The cached outcomes of one subject.

use obo_core::{CacheKey, IssuedToken, UnixTime};
use tokio::time::Instant;

use super::bounds::CacheBounds;
use crate::outbound::error::ExchangeError;

/// The size of an entry without its outcome, in bytes.
const ENTRY: usize = 240;
/// The size of a subject without its entries, in bytes.
const SUBJECT: usize = 160;

/// What an exchange resulted in.
pub(super) type Outcome = Result<IssuedToken, ExchangeError>;

/// Tokens and refusals of one subject, sorted by key.
#[derive(Clone, Default)]
pub(super) struct Entries(Vec<(CacheKey, Entry)>);

#[derive(Clone)]
struct Entry {
    outcome: Outcome,
    /// In memory, in bytes.
    size: usize,
    usable_until: Instant,
    /// The same end on the wall clock, which continues while the machine is suspended.
    ends_at: UnixTime,
    /// When it is renewed in the background.
    renew_at: Option<Instant>,
}

impl Entry {
    /// The earlier end counts.
    fn is_usable(&self, now: Instant, wall: UnixTime) -> bool {
        now < self.usable_until && wall < self.ends_at
    }
}

/// A cached outcome.
pub(super) struct Hit {
    pub(super) outcome: Outcome,
    /// Whether a renewal is due.
    pub(super) is_due: bool,
}

fn size(outcome: &Outcome) -> usize {
    match outcome {
        Ok(token) => token.authorization().len(),
        Err(error) => error.size(),
    }
}

impl Entries {
    pub(super) fn get(&self, key: &CacheKey, now: Instant, wall: UnixTime) -> Option<Hit> {
        let entry = self.find(key).filter(|entry| entry.is_usable(now, wall))?;
        Some(Hit {
            outcome: entry.outcome.clone(),
            is_due: entry.renew_at.is_some_and(|at| at <= now),
        })
    }

    /// Caches an outcome. If the subject has no room left, the entries that end first are evicted.
    /// Returns how many were evicted.
    pub(super) fn insert(
        &mut self,
        key: CacheKey,
        outcome: Outcome,
        (usable_until, ends_at): (Instant, UnixTime),
        renew_at: Option<Instant>,
        bounds: &CacheBounds,
    ) -> usize {
        let entry = Entry {
            size: ENTRY + size(&outcome),
            outcome,
            usable_until,
            ends_at,
            renew_at,
        };
        let now = Instant::now();
        self.0
            .retain(|(known, entry)| now < entry.usable_until && *known != key);
        let usable = self.0.len();
        let room = bounds.of_one_subject();
        if room < SUBJECT + entry.size {
            return 0;
        }
        while self.0.len() >= bounds.entries_per_subject || room < self.size() + entry.size {
            let first = self.0.iter().map(|(_, entry)| entry.usable_until).min();
            self.0
                .retain(|(_, entry)| Some(entry.usable_until) != first);
        }
        let evicted = usable - self.0.len();
        let position = self.position(&key).unwrap_or_else(|place| place);
        self.0.insert(position, (key, entry));
        self.0.shrink_to_fit();
        evicted
    }

    /// How many entries there are, if all of them have expired.
    pub(super) fn all_expired(&self, now: Instant, wall: UnixTime) -> Option<usize> {
        let is_over = |(_, entry): &(_, Entry)| !entry.is_usable(now, wall);
        self.0.iter().all(is_over).then_some(self.0.len())
    }

    /// Postpones the next renewal.
    pub(super) fn postpone(&mut self, key: &CacheKey, now: Instant) {
        let position = self.position(key).ok();
        if let Some((_, entry)) = position.and_then(|at| self.0.get_mut(at)) {
            let left = entry.usable_until.saturating_duration_since(now);
            entry.renew_at = Some(now + left / 2);
        }
    }

    /// Whether this is the cached token.
    pub(super) fn has(&self, key: &CacheKey, token: &IssuedToken) -> bool {
        self.find(key)
            .and_then(|entry| entry.outcome.as_ref().ok())
            .is_some_and(|known| known.authorization() == token.authorization())
    }

    /// Removes `token` if it is the cached one; returns whether it was.
    pub(super) fn remove(&mut self, key: &CacheKey, token: &IssuedToken) -> bool {
        let position = self.position(key).ok().filter(|_| self.has(key, token));
        position.map(|at| self.0.remove(at)).is_some()
    }

    /// The size of all entries in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let entries = self.0.iter().map(|(_, entry)| entry.size);
        SUBJECT + entries.sum::<usize>()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn position(&self, key: &CacheKey) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    fn find(&self, key: &CacheKey) -> Option<&Entry> {
        let (_, entry) = self.0.get(self.position(key).ok()?)?;
        Some(entry)
    }
}
