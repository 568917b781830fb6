//! When to fetch: a calendar without I/O, driven by the instants it is given.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// For this long after an attempt was due, an earlier failure counts as an outage. Under traffic an
/// attempt starts when it is due and ends sooner than this.
const GRACE: Duration = Duration::from_secs(60);
/// The shortest time between a failure and the next attempt, if there is no document yet.
pub(crate) const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// How many fetches for unknown keys may follow at once. One more is allowed with each such part of
/// the cooldown.
///
/// More than one, so that a forged `kid` does not hide a rotation. A client that forges names
/// without end causes one fetch per part, so it cannot hide a rotation for longer than that.
const BUDGET: u32 = 3;
/// How many names are recorded, so that one name alone does not use up the budget.
const MAX_NAMES: usize = 16;

/// How the fetches of one kind of document follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The part of the maximum age after which a document is renewed in the background: a half, or
    /// the whole.
    pub(crate) renewals_per_age: u32,
    /// How soon after its arrival a document whose URLs fail may be renewed.
    pub(crate) patience: Duration,
    /// How soon after the first failure the next attempt may follow. It doubles with each, up to
    /// the cooldown.
    pub(crate) first_backoff: Duration,
    pub(crate) cooldown: Duration,
    /// Whether a document past its maximum age is renewed before it is used.
    pub(crate) is_strict: bool,
}

/// What was tried, and so what may be tried.
#[derive(Debug)]
pub(crate) struct Schedule {
    pace: Pace,
    /// Until when no request is sent after a failure.
    paused_until: Option<Instant>,
    /// When the budget is full again, if it is not full.
    budget_full_at: Option<Instant>,
    /// The names that had the last fetches of the budget, and when.
    recent: VecDeque<(u64, Instant)>,
    /// In a row.
    failures: u32,
    due: Option<Instant>,
    /// The earliest time of a renewal, also in doubt.
    renew_from: Option<Instant>,
    empty_since: Option<Instant>,
}

impl Schedule {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            paused_until: None,
            budget_full_at: None,
            recent: VecDeque::new(),
            failures: 0,
            due: None,
            renew_from: None,
            empty_since: None,
        }
    }

    /// A set arrived, with its maximum age.
    pub(crate) fn succeeded(&mut self, now: Instant, max_age: Duration) {
        self.failures = 0;
        self.empty_since = None;
        self.due = Some(now + max_age / self.pace.renewals_per_age);
        self.renew_from = Some(now + self.pace.patience);
    }

    /// An empty set arrived where keys were published before. It is accepted when another empty one
    /// arrives a cooldown later, or sooner if the maximum age is shorter.
    pub(crate) fn accepts_empty(&mut self, now: Instant, max_age: Duration) -> bool {
        self.failures = 0;
        let due = *self.empty_since.get_or_insert(now) + self.pace.cooldown.min(max_age / 2);
        self.due = Some(due);
        now >= due
    }

    /// A fetch failed. The next one does not start before `pause` has passed.
    ///
    /// `jitter` is a random number from 0 to 1: replicas that failed together must not retry
    /// together.
    pub(crate) fn failed(&mut self, now: Instant, pause: Duration, jitter: f64) {
        self.paused_until = Some(now + pause);
        let doubled = self.pace.first_backoff * 2_u32.saturating_pow(self.failures.min(16));
        let backoff = doubled.min(self.pace.cooldown);
        let backoff = backoff.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0);
        self.due = Some(now + backoff.max(pause));
        self.renew_from = self.due;
        self.failures = self.failures.saturating_add(1);
    }

    /// The set is outdated by the wall clock: it is due now, unless an outage has set a time
    /// already.
    pub(crate) fn jumped(&mut self, now: Instant) {
        if self.failures == 0 {
            self.due = Some(now);
        }
    }

    /// The URLs of the document failed: it may be wrong, or may have been fixed. It is renewed at
    /// its next use.
    pub(crate) fn doubted(&mut self) {
        self.due = self.due.min(self.renew_from);
    }

    /// When the set should be renewed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the set should be renewed in the background.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| now >= due)
    }

    /// Whether a set past its maximum age must be renewed before it is used: otherwise a service
    /// without traffic would accept a withdrawn key. During an outage this is not required, since
    /// waiting would only slow requests down.
    pub(crate) fn must_renew_outdated(&self, now: Instant) -> bool {
        let in_outage = self.failures > 0 && self.due.is_some_and(|due| now < due + GRACE);
        self.pace.is_strict && self.is_due(now) && !in_outage
    }

    /// How long no request may be sent, not even without a set or for an unknown key.
    pub(crate) fn pause(&self, now: Instant) -> Option<Duration> {
        let until = self.paused_until.filter(|until| now < *until)?;
        Some(until - now)
    }

    /// Takes a fetch from the budget for what the set does not explain: an unknown key, or a
    /// signature that does not verify.
    ///
    /// `name` stands for the key. One name has a single fetch per part of the cooldown, so a client
    /// that repeats a bad token leaves the rest to others.
    pub(crate) fn take_for(&mut self, name: u64, now: Instant) -> bool {
        let part = self.pace.cooldown / BUDGET;
        self.recent.retain(|(_, at)| now < *at + part);
        let is_recent = self.recent.iter().any(|(known, _)| *known == name);
        let full_at = self.budget_full_at.map_or(now, |at| at.max(now));
        let is_empty = full_at + part > now + part * BUDGET;
        if is_recent || is_empty || self.pause(now).is_some() {
            return false;
        }
        self.budget_full_at = Some(full_at + part);
        if self.recent.len() == MAX_NAMES {
            self.recent.pop_front();
        }
        self.recent.push_back((name, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idp::jwks::KeyRefresh;

    #[test]
    fn pauses_double_up_to_the_cooldown() {
        let now = Instant::now();
        for (jitter, part) in [(0.0, 1.0), (0.5, 0.875), (1.0, 0.75)] {
            let mut schedule = Schedule::new(KeyRefresh::new().pace());
            for seconds in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
                schedule.failed(now, Duration::ZERO, jitter);
                let pause = schedule.due().unwrap() - now;
                assert_eq!(pause, Duration::from_secs_f64(seconds * part));
            }
        }
    }
}
