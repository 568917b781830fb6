use std::time::Duration;

use obo_core::{ConfigError, as_in_files};

use crate::idp::schedule::{FIRST_BACKOFF, Pace};

/// The shortest maximum age, whatever the configuration or a server says.
const LEAST_MAX_AGE: Duration = Duration::from_secs(60);
const MOST_MAX_AGE: Duration = Duration::from_secs(24 * 3600);
const LEAST_COOLDOWN: Duration = Duration::from_secs(1);
const MOST_STALE_IF_ERROR: Duration = Duration::from_secs(7 * 24 * 3600);

/// When the keys of an issuer are fetched, and how long they are used: for
/// [`Trust::key_refresh`](crate::Trust::key_refresh), which checks it.
///
/// Under traffic, a request with a known key never waits for a fetch, whatever is set here. The
/// first request after a time without traffic waits if the set is past its maximum age. The maximum
/// age bounds how long a withdrawn key is accepted. The cooldown bounds how often forged key names
/// and signatures cause a fetch. The last limit bounds how long an outage of the issuer is bridged.
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

    /// How often keys are fetched for unknown key names and for signatures that do not verify:
    /// three times at once, then once per third of the cooldown. It is also the longest pause after
    /// failures. From 1 s to half the maximum age.
    ///
    /// Endless forged names hide a new key for at most a third of the cooldown.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// The age at which a set must be renewed, from 60 s to 24 h. Under traffic, the renewal starts
    /// at half of it.
    ///
    /// An issuer may shorten it by `Cache-Control` (RFC 9111 section 5.2.2), to 60 s at least, but
    /// not prolong it.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// The longest use of a set that cannot be renewed (RFC 5861 section 4), from the maximum age
    /// to 7 days. After that, requests with tokens get 503.
    #[must_use]
    pub fn stale_if_error(mut self, stale_if_error: Duration) -> Self {
        self.stale_if_error = stale_if_error;
        self
    }

    /// Checks all three at once, so that the order of the setters does not matter.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        let within = |field, value: Duration, least: Duration, most: Duration| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let problem = format!(
                "{} is not between {} and {}",
                as_in_files(value),
                as_in_files(least),
                as_in_files(most)
            );
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

    /// The maximum age of a response that its server calls fresh for that long.
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
