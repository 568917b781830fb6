//! What is at hand for one subject.

use std::time::Duration;

use tokio::time::Instant;

use crate::{CacheKey, ExchangeError, IssuedToken};

/// How long after a downstream service rejected a token the next one is not exchanged again for the same reason: it
/// rejects whatever it is sent.
const REJECTION_HOLDS: Duration = Duration::from_secs(30);

/// What an exchange gave.
pub(super) type Outcome = Result<IssuedToken, ExchangeError>;

/// Tokens and refusals of one subject, sorted by key.
#[derive(Clone, Default)]
pub(super) struct Entries(Vec<(CacheKey, Entry)>);

#[derive(Clone)]
struct Entry {
    /// `None`: the downstream service rejected what was here.
    outcome: Option<Outcome>,
    usable_until: Instant,
    /// When it is fetched anew beside its use.
    renew_at: Option<Instant>,
    /// When a downstream service last rejected a token of this key.
    rejected_at: Option<Instant>,
}

/// What is at hand.
pub(super) struct Hit {
    pub(super) outcome: Outcome,
    /// Whether it is time to fetch the next one.
    pub(super) is_due: bool,
}

/// What became of a token that a downstream service rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// It is gone, and another one may do.
    Gone,
    /// It was the second one within a short time: another one would be rejected too.
    Kept,
}

impl Entries {
    pub(super) fn get(&self, key: &CacheKey, now: Instant) -> Option<Hit> {
        let entry = self.find(key).filter(|entry| now < entry.usable_until)?;
        Some(Hit {
            outcome: entry.outcome.clone()?,
            is_due: entry.renew_at.is_some_and(|at| at <= now),
        })
    }

    /// Keeps an outcome; of more than `most`, the one that ends first is let go.
    pub(super) fn insert(
        &mut self,
        key: CacheKey,
        outcome: Outcome,
        usable_until: Instant,
        renew_at: Option<Instant>,
        most: usize,
    ) {
        let position = self.position(&key);
        let rejected_at = self.find(&key).and_then(|known| known.rejected_at);
        let entry = Entry {
            outcome: Some(outcome),
            usable_until,
            renew_at,
            rejected_at,
        };
        if let Ok(Some(known)) = position.map(|at| self.0.get_mut(at)) {
            known.1 = entry;
            return;
        }
        let now = Instant::now();
        self.0
            .retain(|(_, entry)| now < entry.usable_until || entry.rejection_holds(now));
        while self.0.len() >= most.max(1) {
            let first = self.0.iter().map(|(_, entry)| entry.usable_until).min();
            self.0
                .retain(|(_, entry)| Some(entry.usable_until) != first);
        }
        let position = self.position(&key).unwrap_or_else(|place| place);
        self.0.insert(position, (key, entry));
        self.0.shrink_to_fit();
    }

    /// Puts the next renewal off.
    pub(super) fn postpone(&mut self, key: &CacheKey, now: Instant) {
        if let Some(entry) = self.find_mut(key) {
            let left = entry.usable_until.saturating_duration_since(now);
            entry.renew_at = Some(now + left / 2);
        }
    }

    /// Lets `token` go, if it is what is at hand, unless the one before it was rejected just now too.
    pub(super) fn reject(&mut self, key: &CacheKey, token: &IssuedToken, now: Instant) -> Rejected {
        let Some(entry) = self.find_mut(key) else {
            return Rejected::Gone;
        };
        let is_it = matches!(&entry.outcome, Some(Ok(known))
            if known.authorization() == token.authorization());
        if !is_it {
            return Rejected::Gone;
        }
        if entry.rejection_holds(now) {
            return Rejected::Kept;
        }
        entry.outcome = None;
        entry.renew_at = None;
        entry.usable_until = now;
        entry.rejected_at = Some(now);
        Rejected::Gone
    }

    /// The tokens' bytes and how many entries there are.
    pub(super) fn size(&self) -> (usize, usize) {
        let tokens = self.0.iter().map(|(_, entry)| match &entry.outcome {
            Some(Ok(token)) => token.authorization().len(),
            Some(Err(_)) | None => 0,
        });
        (tokens.sum(), self.0.len())
    }

    fn position(&self, key: &CacheKey) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    fn find(&self, key: &CacheKey) -> Option<&Entry> {
        let (_, entry) = self.0.get(self.position(key).ok()?)?;
        Some(entry)
    }

    fn find_mut(&mut self, key: &CacheKey) -> Option<&mut Entry> {
        let position = self.position(key).ok()?;
        self.0.get_mut(position).map(|(_, entry)| entry)
    }
}

impl Entry {
    fn rejection_holds(&self, now: Instant) -> bool {
        self.rejected_at
            .is_some_and(|at| now < at + REJECTION_HOLDS)
    }
}
