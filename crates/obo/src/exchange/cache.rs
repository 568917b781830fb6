//! Tokens at hand: bounded by bytes, each used until shortly before it expires.

use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{CacheKey, IssuedToken};

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

#[derive(Clone)]
struct Entry {
    token: IssuedToken,
    usable_until: Instant,
}

#[derive(Clone)]
struct Weight;

impl Weighter<CacheKey, Entry> for Weight {
    fn weight(&self, _: &CacheKey, entry: &Entry) -> u64 {
        entry.token.authorization().len() as u64 + OVERHEAD
    }
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(10_000, CAPACITY, Weight))
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<IssuedToken> {
        let entry = self.0.get(key)?;
        if Instant::now() < entry.usable_until {
            return Some(entry.token);
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
        let usable_until = request_start + usable(lifetime, fraction);
        if usable_until > Instant::now() {
            self.0.insert(
                key,
                Entry {
                    token,
                    usable_until,
                },
            );
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
