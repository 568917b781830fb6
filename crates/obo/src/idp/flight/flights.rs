//! The map of what is under way. `tests/flight_model` compiles this file once more, with primitives that try schedules.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::sync::oneshot;

use super::primitives::{Mutex, MutexGuard, spawn};

/// The result that waiters share; an error means that the work panicked or that the runtime is shutting down.
pub(crate) type Landing<T> = Shared<oneshot::Receiver<T>>;

/// One owner in this many may always have its share: a new owner gets in though others have taken all places.
const OWNERS: usize = 64;

/// The work under way, by key.
///
/// All owners together may have `most` flights. When these places are taken, an owner with less than its share (a 64th of
/// them) may still start one, up to as many again: no owner can keep the others out.
pub(crate) struct Flights<K, T: Clone> {
    under_way: Mutex<UnderWay<K, T>>,
    most: usize,
}

struct UnderWay<K, T: Clone> {
    landings: HashMap<K, Landing<T>>,
    /// How many flights each owner has.
    owned: HashMap<u64, usize>,
}

/// No place is left for a flight of this owner.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overloaded;

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            under_way: Mutex::new(UnderWay {
                landings: HashMap::new(),
                owned: HashMap::new(),
            }),
            most,
        })
    }

    /// The flight of `key` that is under way, or a new one that counts against `owner`.
    ///
    /// `work` ends its effects (a stored result) before its flight leaves the map, so that whoever comes later finds
    /// one or the other.
    pub(crate) fn join<W>(
        self: &Arc<Self>,
        key: K,
        owner: u64,
        work: impl FnOnce() -> W,
    ) -> Result<Landing<T>, Overloaded>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut under_way = self.lock();
        if let Some(landing) = under_way.landings.get(&key) {
            return Ok(landing.clone());
        }
        if !under_way.has_room(owner, self.most) {
            return Err(Overloaded);
        }
        let (arrived, landing) = oneshot::channel();
        let landing = landing.shared();
        under_way.landings.insert(key.clone(), landing.clone());
        *under_way.owned.entry(owner).or_default() += 1;
        drop(under_way);
        // Spawning comes after the lock is released: a runtime that shuts down drops the task, and so the place, here.
        let place = Place {
            flights: Arc::clone(self),
            key,
            owner,
        };
        let work = work();
        spawn(async move {
            let result = work.await;
            drop(place);
            // Nobody may be waiting any more.
            let _ = arrived.send(result);
        });
        Ok(landing)
    }

    /// The flight of `key` that is under way, if there is one.
    pub(crate) fn under_way(&self, key: &K) -> Option<Landing<T>> {
        self.lock().landings.get(key).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay<K, T>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, T: Clone> UnderWay<K, T> {
    fn has_room(&self, owner: u64, most: usize) -> bool {
        let (all, own) = (self.landings.len(), self.owned.get(&owner));
        let share = (most / OWNERS).max(1);
        all < most || (all < 2 * most && own.is_none_or(|own| *own < share))
    }
}

/// Leaves the map when dropped, be it by arrival, panic or shutdown.
struct Place<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    flights: Arc<Flights<K, T>>,
    key: K,
    owner: u64,
}

impl<K, T> Drop for Place<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        under_way.landings.remove(&self.key);
        if let Entry::Occupied(mut owned) = under_way.owned.entry(self.owner) {
            *owned.get_mut() -= 1;
            if *owned.get() == 0 {
                owned.remove();
            }
        }
    }
}
