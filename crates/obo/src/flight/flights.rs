//! The map of what is under way. `tests/flight_model` compiles this file once more, with primitives that try schedules.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::sync::oneshot;

use super::primitives::{Mutex, MutexGuard, spawn};

/// The result that waiters share; an error means that the work panicked or that the runtime is shutting down.
pub(crate) type Landing<T> = Shared<oneshot::Receiver<T>>;

/// The work under way, by key.
pub(crate) struct Flights<K, T: Clone> {
    under_way: Mutex<HashMap<K, Landing<T>>>,
    most: usize,
}

/// As many flights are under way as are allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overloaded;

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            under_way: Mutex::default(),
            most,
        })
    }

    /// The flight of `key` that is under way, or a new one.
    ///
    /// `work` ends its effects (a stored result) before its flight leaves the map, so that whoever comes later finds
    /// one or the other.
    pub(crate) fn join<W>(
        self: &Arc<Self>,
        key: K,
        work: impl FnOnce() -> W,
    ) -> Result<Landing<T>, Overloaded>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut under_way = self.lock();
        if let Some(landing) = under_way.get(&key) {
            return Ok(landing.clone());
        }
        if under_way.len() >= self.most {
            return Err(Overloaded);
        }
        let (arrived, landing) = oneshot::channel();
        let landing = landing.shared();
        under_way.insert(key.clone(), landing.clone());
        drop(under_way);
        // Spawning comes after the lock is released: a runtime that shuts down drops the task, and so the entry, here.
        let entry = Entry {
            flights: Arc::clone(self),
            key,
        };
        let work = work();
        spawn(async move {
            let result = work.await;
            drop(entry);
            // Nobody may be waiting any more.
            let _ = arrived.send(result);
        });
        Ok(landing)
    }

    /// The flight of `key` that is under way, if there is one.
    pub(crate) fn under_way(&self, key: &K) -> Option<Landing<T>> {
        self.lock().get(key).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Landing<T>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the map when dropped, be it by arrival, panic or shutdown.
struct Entry<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    flights: Arc<Flights<K, T>>,
    key: K,
}

impl<K, T> Drop for Entry<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
