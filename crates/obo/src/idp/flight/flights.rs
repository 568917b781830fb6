//! The map of the work under way. `tests/flight_model` compiles this file again, with primitives
//! that try schedules.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::sync::oneshot;

use super::primitives::{Mutex, MutexGuard, spawn};

/// Work under way, shared by all who wait for it.
#[derive(Clone)]
pub(crate) struct Flight<T: Clone>(Shared<oneshot::Receiver<T>>);

/// The work panicked, or the runtime is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted;

impl<T: Clone> Future for Flight<T> {
    type Output = Result<T, Interrupted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| Interrupted)
    }
}

/// An owner always has a share of one part in this many, even if other owners have taken all
/// places.
const OWNERS: usize = 64;

/// The work under way, by key.
///
/// All owners together have `most` flights. When these places are taken, an owner below its share
/// (a 64th of them) may still start flights, up to as many again: no owner can keep the others out.
pub(crate) struct Flights<K, T: Clone> {
    under_way: Mutex<UnderWay<K, T>>,
    most: usize,
}

/// Flights, each with its owner.
type UnderWay<K, T> = HashMap<K, (u64, Flight<T>)>;

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
            under_way: Mutex::new(HashMap::new()),
            most,
        })
    }

    /// Returns the flight of `key` that is under way, or starts one that counts for `owner`.
    ///
    /// `work` finishes its effects, such as a stored result, before its flight leaves the map, so
    /// that later callers find one or the other.
    pub(crate) fn join<W>(
        self: &Arc<Self>,
        key: K,
        owner: u64,
        work: impl FnOnce() -> W,
    ) -> Result<Flight<T>, Overloaded>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut under_way = self.lock();
        if let Some((_, flight)) = under_way.get(&key) {
            return Ok(flight.clone());
        }
        if !self.has_room(&under_way, owner) {
            return Err(Overloaded);
        }
        let (arrived, flight) = oneshot::channel();
        let flight = Flight(flight.shared());
        under_way.insert(key.clone(), (owner, flight.clone()));
        drop(under_way);
        // The task is spawned after the lock is released: a runtime that shuts down drops the task,
        // and so the place, here.
        let place = Place {
            flights: Arc::clone(self),
            key,
        };
        let work = work();
        spawn(async move {
            let result = work.await;
            drop(place);
            // All waiters may be gone.
            let _ = arrived.send(result);
        });
        Ok(flight)
    }

    /// Returns the flight of `key` that is under way, if there is one.
    pub(crate) fn under_way(&self, key: &K) -> Option<Flight<T>> {
        self.lock().get(key).map(|(_, flight)| flight.clone())
    }

    fn has_room(&self, under_way: &UnderWay<K, T>, owner: u64) -> bool {
        let (all, share) = (under_way.len(), (self.most / OWNERS).max(1));
        let own = || under_way.values().filter(|(of, _)| *of == owner).count();
        all < self.most || all < 2 * self.most && own() < share
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay<K, T>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the map when it is dropped: on arrival, panic or shutdown.
struct Place<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    flights: Arc<Flights<K, T>>,
    key: K,
}

impl<K, T> Drop for Place<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
