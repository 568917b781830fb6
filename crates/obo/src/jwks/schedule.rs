//! When to fetch: a calendar without I/O, driven by instants that are handed in.

use std::time::Duration;

use tokio::time::Instant;

/// How old a set may be when it is renewed at the latest; renewal begins at half of it.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(300);
/// How old a set that cannot be renewed may get.
pub(crate) const HARD_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// How long after one fetch for an unknown `kid` the next may follow.
pub(crate) const COOLDOWN: Duration = Duration::from_secs(30);
/// How recent a failed attempt must be to speak for an outage; under traffic there is one at least this often.
const RECENT: Duration = Duration::from_secs(60);
/// How long after the first failure the next attempt may follow; it doubles with each, up to the cooldown.
pub(crate) const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// What has been tried, and so what may be tried.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    last_failure: Option<Instant>,
    /// Until when the server is left alone after a failure.
    paused_until: Option<Instant>,
    last_for_unknown_key: Option<Instant>,
    failures: u32,
    due: Option<Instant>,
    empty_since: Option<Instant>,
}

impl Schedule {
    pub(crate) fn succeeded(&mut self, now: Instant) {
        self.last_failure = None;
        self.failures = 0;
        self.empty_since = None;
        self.due = Some(now + MAX_AGE / 2);
    }

    /// An empty set came where there was none before: it is believed when one comes again a cooldown later.
    pub(crate) fn believes_empty(&mut self, now: Instant) -> bool {
        self.last_failure = None;
        self.failures = 0;
        let due = *self.empty_since.get_or_insert(now) + COOLDOWN;
        self.due = Some(due);
        now >= due
    }

    /// A fetch failed; none follows before `pause` is over.
    pub(crate) fn failed(&mut self, now: Instant, pause: Duration) {
        self.last_failure = Some(now);
        self.paused_until = Some(now + pause);
        self.due = Some(now + self.backoff().max(pause));
        self.failures = self.failures.saturating_add(1);
    }

    fn backoff(&self) -> Duration {
        (FIRST_BACKOFF * 2_u32.saturating_pow(self.failures.min(16))).min(COOLDOWN)
    }

    /// When the set should be renewed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the set should be renewed beside the requests.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| now >= due)
    }

    /// Whether a set of this age must be renewed before it is used: a service without traffic would otherwise accept a
    /// withdrawn key (JW-22). During an outage it need not, since waiting would only slow the requests down.
    pub(crate) fn must_renew(&self, age: Duration, now: Instant) -> bool {
        let in_outage = self
            .last_failure
            .is_some_and(|last| now.saturating_duration_since(last) < RECENT);
        age >= MAX_AGE && self.is_due(now) && !in_outage
    }

    /// How long the server must still be left alone, even by those who have no set or an unknown key.
    pub(crate) fn pause(&self, now: Instant) -> Option<Duration> {
        let pause = self.paused_until?.saturating_duration_since(now);
        (!pause.is_zero()).then_some(pause)
    }

    /// Takes the ration for an unknown key, if there is one.
    pub(crate) fn take_for_unknown_key(&mut self, now: Instant) -> bool {
        let free = self.pause(now).is_none()
            && self
                .last_for_unknown_key
                .is_none_or(|last| now.saturating_duration_since(last) >= COOLDOWN);
        if free {
            self.last_for_unknown_key = Some(now);
        }
        free
    }

    pub(crate) fn last_failed(&self) -> bool {
        self.last_failure.is_some()
    }
}
