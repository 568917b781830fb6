use std::time::Duration;

use obo_core::ConfigError;

use crate::idp::schedule::{FIRST_BACKOFF, Pace};

/// The shortest maximum age, whatever a configuration or a server says.
const LEAST_MAX_AGE: Duration = Duration::from_secs(60);
const MOST_MAX_AGE: Duration = Duration::from_secs(24 * 3600);
const LEAST_COOLDOWN: Duration = Duration::from_secs(1);
const MOST_STALE_IF_ERROR: Duration = Duration::from_secs(7 * 24 * 3600);

/// When the keys of an issuer are fetched anew, and how long they are used: for
/// [`Trust::key_refresh`](crate::Trust::key_refresh), which checks it.
///
/// Under traffic a request with a known key never waits for a fetch, whatever is set here; the first one after a time
/// without any does, where the set is past its maximum age by then. The maximum age bounds how long a withdrawn
/// key is still accepted, the cooldown how often forged key names and signatures make the issuer be asked, and the last limit how long
/// an outage of the issuer is bridged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRefresh {
    pub(super) cooldown: Duration,
    pub(super) max_age: Duration,
    pub(super) stale_if_error: Duration,
}

impl KeyRefresh {
    /// A cooldown of 30 s, a maximum age of 5 min, and 24 h without the issuer.
    pub fn new() -> Self {
        Self {
            cooldown: Duration::from_secs(30),
            max_age: Duration::from_secs(300),
            stale_if_error: Duration::from_secs(24 * 3600),
        }
    }

    /// How fast fetches for unknown keys, and for signatures that do not verify, may follow each other: three at once, then
    /// one per third of the cooldown. It is also the longest pause after failures; from 1 s to half the maximum age.
    ///
    /// Forged names without end hide a new key for a third of the cooldown at most.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// How old a set may be before it is renewed, from 60 s to 24 h; under traffic that begins at half of it.
    ///
    /// An issuer that allows less by `Cache-Control` (RFC 9111 section 5.2.2) gets less, though never below 60 s; one
    /// that allows more does not get it.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// How old a set that cannot be renewed may get (RFC 5861 section 4), from the maximum age to 7 days; beyond it
    /// tokens are answered with 503.
    #[must_use]
    pub fn stale_if_error(mut self, stale_if_error: Duration) -> Self {
        self.stale_if_error = stale_if_error;
        self
    }

    /// One look at all three, so that the order in which they are set does not matter.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        let within = |field, value: Duration, least: Duration, most: Duration| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let problem = format!("{value:?} is not within {least:?} and {most:?}");
            Err(ConfigError::new(field, problem))
        };
        within("max_age", self.max_age, LEAST_MAX_AGE, MOST_MAX_AGE)?;
        within("cooldown", self.cooldown, LEAST_COOLDOWN, self.max_age / 2)?;
        within(
            "stale_if_error",
            self.stale_if_error,
            self.max_age,
            MOST_STALE_IF_ERROR,
        )?;
        Ok(self)
    }

    pub(crate) fn pace(self) -> Pace {
        Pace {
            renewals_per_age: 2,
            patience: Duration::ZERO,
            first_backoff: FIRST_BACKOFF,
            cooldown: self.cooldown,
            is_strict: true,
        }
    }

    /// The maximum age of an answer that its server says is fresh for that long (JW-24).
    pub(super) fn max_age_of(self, fresh_for: Option<Duration>) -> Duration {
        let fresh_for = fresh_for.unwrap_or(self.max_age);
        // The checked maximum is never below the least.
        fresh_for.max(LEAST_MAX_AGE).min(self.max_age)
    }
}

impl Default for KeyRefresh {
    /// As [`new`](Self::new).
    fn default() -> Self {
        Self::new()
    }
}
