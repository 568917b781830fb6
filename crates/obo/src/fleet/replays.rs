//! Identifiers that were used once, in this process.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hasher};
use std::time::Duration;

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::store::StoreError;

/// The most identifiers, in all.
const MOST: usize = 2_000_000;

/// Each identifier is kept as a keyed hash of 128 bits. Two with equal hashes would count as one,
/// which refuses the second.
pub(super) struct Replays {
    state: Mutex<State>,
    hashers: [RandomState; 2],
}

#[derive(Default)]
struct State {
    /// Those that end at the same time, with that time.
    periods: Vec<(Instant, HashSet<u128, Unhashed>)>,
    count: usize,
}

/// An identifier is kept longer than its lifetime, by a fourth of it at most.
const PART: u32 = 4;

impl Replays {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            hashers: Default::default(),
        }
    }

    /// Takes an identifier: `true` the first time within `lifetime`.
    pub(super) fn take(
        &self,
        scope: &str,
        id: &str,
        lifetime: Duration,
    ) -> Result<bool, StoreError> {
        let [high, low] = [0, 1].map(|i| {
            let hasher = self
                .hashers
                .get(i)
                .map(|hasher| hasher.hash_one((scope, id)));
            u128::from(hasher.unwrap_or_default())
        });
        let hash = high << 64 | low;
        let now = Instant::now();
        let mut state = self.state.lock();
        state.drop_ended(now);
        if state.periods.iter().any(|(_, ids)| ids.contains(&hash)) {
            return Ok(false);
        }
        if state.count >= MOST {
            return Err(StoreError::new(
                "has no room for identifiers that are used once",
            ));
        }
        state.insert(hash, now, lifetime);
        Ok(true)
    }
}

impl State {
    fn drop_ended(&mut self, now: Instant) {
        let count = &mut self.count;
        self.periods.retain(|(end, ids)| {
            let is_over = *end <= now;
            *count -= if is_over { ids.len() } else { 0 };
            !is_over
        });
    }

    /// Adds an identifier to a period that ends after `lifetime`, but not long after.
    fn insert(&mut self, hash: u128, now: Instant, lifetime: Duration) {
        let (from, to) = (now + lifetime, now + lifetime + lifetime / PART);
        let mut periods = self.periods.iter_mut();
        self.count += 1;
        match periods.find(|(end, _)| (from..=to).contains(end)) {
            Some((_, ids)) => drop(ids.insert(hash)),
            None => {
                let ids = HashSet::from_iter([hash]);
                self.periods.push((to, ids));
            }
        }
    }
}

/// The hasher of values that are hashes.
#[derive(Clone, Copy, Default)]
struct Unhashed(u64);

impl std::hash::BuildHasher for Unhashed {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn identifier_is_free_after_its_lifetime() {
        let replays = Replays::new();
        let take = |id: &str| replays.take("idp", id, MINUTE).unwrap();
        assert!(take("1") && !take("1") && take("2"));
        assert!(replays.take("another", "1", MINUTE).unwrap());
        tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
        assert!(!take("1") && !take("2"));
        tokio::time::advance(MINUTE / 4 + Duration::from_millis(2)).await;
        assert!(take("1") && take("2"));
    }

    #[tokio::test(start_paused = true)]
    async fn many_others_evict_none() {
        let replays = Replays::new();
        for id in 0..100_000_u32 {
            assert!(replays.take("a", &id.to_string(), MINUTE).unwrap());
        }
        for id in 0..100_000_u32 {
            assert!(!replays.take("a", &id.to_string(), MINUTE).unwrap());
        }
        let state = replays.state.lock();
        assert_eq!((state.count, state.periods.len()), (100_000, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn full_store_refuses() {
        let replays = Replays::new();
        replays.state.lock().count = MOST;
        replays.take("a", "1", MINUTE).unwrap_err();
    }
}
