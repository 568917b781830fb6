//! Outcomes at hand: tokens until shortly before they expire, refusals for a moment; bounded by bytes.

use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{CacheKey, ExchangeError, ExchangeErrorKind, IssuedToken};

/// Room for the tokens and for what keeps them, in bytes.
const CAPACITY: u64 = 64 * 1024 * 1024;
/// What an entry costs beside its token.
const OVERHEAD: u64 = 200;
/// No token is used for longer than this, whatever its server says.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);
/// How long before its end a token is let go at the latest.
const MAX_MARGIN: Duration = Duration::from_secs(60);
/// The part of a short lifetime that is left unused.
const MARGIN_PART: f64 = 0.2;
/// The part of the margin by which entries differ, so that they do not all end at once.
const JITTER_PART: f64 = 0.1;

pub(super) struct TokenCache(Cache<CacheKey, Entry, Weight>);

/// The longest that a caller is told again that its token is not accepted.
const SUBJECT_INVALID: Duration = Duration::from_secs(30);
/// How long a caller is told again that a target is denied: a grant may come any time.
const TARGET_DENIED: Duration = Duration::from_secs(5);

/// What an exchange gave.
pub(super) type Outcome = Result<IssuedToken, ExchangeError>;

#[derive(Clone)]
struct Entry {
    outcome: Outcome,
    usable_until: Instant,
}

#[derive(Clone)]
struct Weight;

impl Weighter<CacheKey, Entry> for Weight {
    fn weight(&self, _: &CacheKey, entry: &Entry) -> u64 {
        let token = entry.outcome.as_ref();
        token.map_or(OVERHEAD, |token| token.authorization().len() as u64) + OVERHEAD
    }
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(10_000, CAPACITY, Weight))
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<Outcome> {
        let entry = self.0.get(key)?;
        if Instant::now() < entry.usable_until {
            return Some(entry.outcome);
        }
        self.0
            .remove_if(key, |entry| Instant::now() >= entry.usable_until);
        None
    }

    /// Keeps a token that is good for `lifetime` from `request_start`; one that hardly lives is not kept.
    pub(super) fn insert(
        &self,
        key: CacheKey,
        token: IssuedToken,
        request_start: Instant,
        lifetime: Duration,
        fraction: f64,
    ) {
        self.keep(key, Ok(token), request_start + usable(lifetime, fraction));
    }

    /// Keeps a refusal that asking again would not change, while the caller's own token lives; others are not kept.
    pub(super) fn insert_refusal(&self, key: CacheKey, error: &ExchangeError, session: Duration) {
        let most = match error.kind() {
            ExchangeErrorKind::SubjectInvalid => SUBJECT_INVALID,
            ExchangeErrorKind::TargetDenied => TARGET_DENIED,
            // Only another token of the caller's mends it.
            ExchangeErrorKind::StepUp => MAX_LIFETIME,
            _ => return,
        };
        self.keep(key, Err(error.clone()), Instant::now() + session.min(most));
    }

    fn keep(&self, key: CacheKey, outcome: Outcome, usable_until: Instant) {
        if usable_until > Instant::now() {
            let entry = Entry {
                outcome,
                usable_until,
            };
            self.0.insert(key, entry);
        }
    }
}

/// The lifetime less a margin of 20 %, at most a minute, less up to a tenth of the margin at random.
fn usable(lifetime: Duration, fraction: f64) -> Duration {
    let lifetime = lifetime.min(MAX_LIFETIME);
    let margin = lifetime.mul_f64(MARGIN_PART).min(MAX_MARGIN);
    let jitter = margin.mul_f64(JITTER_PART * fraction.clamp(0.0, 1.0));
    lifetime.saturating_sub(margin).saturating_sub(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tx_42_a_margin_is_left_unused() {
        let seconds =
            |lifetime, fraction| usable(Duration::from_secs(lifetime), fraction).as_secs_f64();
        assert_eq!(seconds(100, 0.0), 80.0);
        assert_eq!(seconds(100, 1.0), 78.0);
        assert_eq!(seconds(600, 0.0), 540.0);
        assert_eq!(seconds(0, 0.5), 0.0);
        assert_eq!(seconds(u64::MAX, 0.0), 3540.0);
    }
}
