//! Identifiers that were used once, in this process.

use std::array;
use std::hash::BuildHasher as _;
use std::mem;
use std::time::Duration;

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::store::StoreError;

/// Requests rarely wait for each other at one of so many, and each is swept in little time.
const SHARDS: usize = 64;

/// The most places of one shard. All shards together take at most 64 MiB.
const MOST: usize = 1 << 16;

/// After a sweep, a shard has room for this part more, so that the next sweep is not soon.
const PART: usize = 5;

/// Identifiers by a keyed hash of 96 bits. Two with equal hashes would count as one, which refuses
/// the second.
pub(super) struct Replays {
    shards: [Mutex<Shard>; SHARDS],
    hashers: [RandomState; 2],
    start: Instant,
}

/// Seconds since the start.
type Second = u32;

/// A hash table. An identifier is at its home, or at one of the places behind it up to the next
/// empty one: close in memory, because a cache miss costs more than all else.
#[derive(Default)]
struct Shard {
    /// A power of two.
    places: Vec<Place>,
    /// How many places are not empty. The identifiers of some may have expired.
    used: usize,
    /// No identifier expires before this second.
    earliest: Second,
}

#[derive(Clone, Copy)]
struct Place {
    digest: [u32; 3],
    /// 0 in an empty place.
    expires: Second,
}

const EMPTY: Place = Place {
    digest: [0; 3],
    expires: 0,
};

impl Replays {
    pub(super) fn new() -> Self {
        Self {
            shards: array::from_fn(|_| Mutex::default()),
            hashers: Default::default(),
            start: Instant::now(),
        }
    }

    /// Takes an identifier: `true` the first time within `lifetime`. It is free again at most a
    /// second later.
    pub(super) fn take(
        &self,
        scope: &str,
        id: &str,
        lifetime: Duration,
    ) -> Result<bool, StoreError> {
        let hashers = self.hashers.each_ref();
        let [one, two] = hashers.map(|hasher| hasher.hash_one((scope, id)));
        let now = self.start.elapsed();
        let new = Place {
            digest: [(one >> 32) as u32, one as u32, (two >> 32) as u32],
            expires: second(now.saturating_add(lifetime)).saturating_add(1),
        };
        let shard = self.shards.get(two as usize % SHARDS).ok_or_else(full)?;
        shard.lock().take(new, second(now))
    }
}

/// Rounded down.
fn second(since_start: Duration) -> Second {
    Second::try_from(since_start.as_secs()).unwrap_or(Second::MAX)
}

fn full() -> StoreError {
    StoreError::new("has no room for identifiers that are used once")
}

impl Shard {
    fn take(&mut self, new: Place, now: Second) -> Result<bool, StoreError> {
        let room = room(self.places.len());
        let mut free = None;
        for place in new.search(&mut self.places) {
            if now < place.expires {
                if place.digest == new.digest {
                    return Ok(false);
                }
                continue;
            }
            let is_empty = place.expires == 0;
            free.get_or_insert(place);
            if is_empty {
                break;
            }
        }
        match free {
            Some(place) if place.expires != 0 => *place = new,
            Some(place) if self.used < room => {
                *place = new;
                self.used += 1;
            }
            _ => {
                self.sweep(now)?;
                self.put(new);
            }
        }
        self.earliest = self.earliest.min(new.expires);
        Ok(true)
    }

    /// Makes room for one more at least, without those that have expired.
    fn sweep(&mut self, now: Second) -> Result<(), StoreError> {
        if self.used >= room(MOST) && now < self.earliest {
            return Err(full());
        }
        let is_kept = |place: &&Place| now < place.expires;
        let kept = || self.places.iter().filter(is_kept);
        let count = kept().count();
        let earliest = kept().map(|place| place.expires).min();
        self.earliest = earliest.unwrap_or(Second::MAX);
        if count >= room(MOST) {
            return Err(full());
        }
        let places = (count + count / PART + 1) * 8 / 5 + 1;
        let places = places.next_power_of_two().clamp(8, MOST);
        let old = mem::replace(&mut self.places, vec![EMPTY; places]);
        self.used = 0;
        for place in old.iter().filter(is_kept) {
            self.put(*place);
        }
        Ok(())
    }

    /// Puts an identifier that is not there into an empty place.
    fn put(&mut self, new: Place) {
        let mut places = new.search(&mut self.places);
        if let Some(place) = places.find(|place| place.expires == 0) {
            *place = new;
            self.used += 1;
        }
    }
}

/// How many of the places may be used: a search ends at an empty one.
fn room(places: usize) -> usize {
    places / 8 * 5
}

impl Place {
    /// All places, in the order in which this identifier is searched.
    fn search(self, places: &mut [Self]) -> impl Iterator<Item = &mut Self> {
        let [.., home] = self.digest;
        let home = home as usize & places.len().saturating_sub(1);
        let (front, back) = places.split_at_mut(home);
        back.iter_mut().chain(front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn fill(replays: &Replays, ids: std::ops::Range<usize>) {
        for id in ids {
            assert!(replays.take("a", &id.to_string(), MINUTE).unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn identifier_is_free_after_its_lifetime() {
        let replays = Replays::new();
        let take = |id: &str| replays.take("idp", id, MINUTE).unwrap();
        assert!(take("1") && !take("1") && take("2"));
        assert!(replays.take("another", "1", MINUTE).unwrap());
        tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
        assert!(!take("1") && !take("2"));
        tokio::time::advance(SECOND + Duration::from_millis(2)).await;
        assert!(take("1") && take("2") && !take("1"));
    }

    #[tokio::test(start_paused = true)]
    async fn many_others_evict_none() {
        let replays = Replays::new();
        fill(&replays, 0..100_000);
        tokio::time::advance(MINUTE - SECOND).await;
        fill(&replays, 100_000..200_000);
        for id in 0..200_000 {
            assert!(!replays.take("a", &id.to_string(), MINUTE).unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn expired_identifiers_make_room() {
        let replays = Replays::new();
        let taken = allocation_counter::measure(|| fill(&replays, 0..100_000)).bytes_current;
        tokio::time::advance(MINUTE + SECOND).await;
        let more = allocation_counter::measure(|| fill(&replays, 100_000..190_000)).bytes_current;
        assert!(taken > 0 && more <= 0, "{taken} {more}");
    }

    #[test]
    fn million_fits_in_64_mebibytes() {
        let replays = Replays::new();
        let taken = allocation_counter::measure(|| fill(&replays, 0..1_000_000));
        let bytes = size_of::<Replays>() as u64 + taken.bytes_max;
        assert!(bytes <= 64 << 20, "{} bytes for each", bytes / 1_000_000);
    }

    #[test]
    fn simultaneous_uses_pass_once() {
        let (replays, start) = (Replays::new(), std::sync::Barrier::new(4));
        let passed = || {
            start.wait();
            let ids = (0..10_000).map(|id: u32| id.to_string());
            ids.filter(|id| replays.take("a", id, MINUTE).unwrap())
                .count()
        };
        let passed: usize = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(passed));
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(passed, 10_000);
    }

    #[test]
    fn full_shard_refuses_until_one_expires() {
        let mut shard = Shard::default();
        let most = room(MOST) as u32;
        let mut take = |n: u32, now, expires| {
            let digest = [0, n, n.wrapping_mul(0x9e37_79b9)];
            shard.take(Place { digest, expires }, now)
        };
        for n in 0..most {
            assert!(take(n, 0, 60).unwrap());
        }
        take(most, 59, 120).unwrap_err();
        assert!(!take(0, 59, 120).unwrap());
        assert!(take(most, 60, 120).unwrap());
        assert!(take(0, 60, 120).unwrap() && !take(0, 60, 120).unwrap());
        assert!(shard.places.len() < MOST);
    }

    /// All have one home, at the last place.
    #[test]
    fn search_passes_expired_and_wraps() {
        let mut shard = Shard::default();
        let mut take = |n: u32, now, expires| {
            let digest = [n, 0, u32::MAX];
            shard.take(Place { digest, expires }, now).unwrap()
        };
        assert!(take(1, 0, 5) && take(2, 0, 10) && take(3, 0, 10));
        assert!(!take(2, 5, 10) && !take(3, 5, 10));
        assert!(take(1, 5, 20) && !take(1, 5, 20));
        assert!(take(4, 10, 20) && !take(1, 10, 20));
        assert_eq!((shard.used, shard.places.len()), (3, 8));
    }
}
