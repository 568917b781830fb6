//! The map of the work under way. `tests/flight_model` compiles this file again, with primitives
//! that try schedules.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::watch;

use super::primitives::{Mutex, MutexGuard, spawn};

/// Waits for work under way, which others may wait for too.
pub(crate) struct Flight<T>(Pin<Box<dyn Future<Output = Result<T, Interrupted>> + Send + Sync>>);

/// The result of the work, once there is one. Each waiter is woken for itself: a waiter that is
/// dropped takes no wake-up from the others, as it can with `futures_util::future::Shared`.
type Arrival<T> = watch::Receiver<Option<T>>;

/// The work panicked, or the runtime is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted;

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    fn new(mut arrival: Arrival<T>) -> Self {
        Self(Box::pin(async move {
            let arrived = arrival.wait_for(Option::is_some).await;
            arrived
                .ok()
                .and_then(|result| result.clone())
                .ok_or(Interrupted)
        }))
    }
}

impl<T> Future for Flight<T> {
    type Output = Result<T, Interrupted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

/// An owner always has a share of one part in this many, even if other owners have taken all
/// places.
const OWNERS: usize = 64;

/// The work under way, by key.
///
/// All owners together have `most` flights. When these places are taken, an owner below its share
/// (a 64th of them) may still start flights, up to as many again: no owner can keep the others out.
pub(crate) struct Flights<K, T> {
    under_way: Mutex<UnderWay<K, T>>,
    most: usize,
}

/// What flights wait for, each with its owner.
type UnderWay<K, T> = HashMap<K, (u64, Arrival<T>)>;

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
        if let Some((_, arrival)) = under_way.get(&key) {
            return Ok(Flight::new(arrival.clone()));
        }
        if !self.has_room(&under_way, owner) {
            return Err(Overloaded);
        }
        let (arrived, arrival) = watch::channel(None);
        under_way.insert(key.clone(), (owner, arrival.clone()));
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
            let _ = arrived.send(Some(result));
        });
        Ok(Flight::new(arrival))
    }

    /// Returns the flight of `key` that is under way, if there is one.
    pub(crate) fn under_way(&self, key: &K) -> Option<Flight<T>> {
        let under_way = self.lock();
        let (_, arrival) = under_way.get(key)?;
        Some(Flight::new(arrival.clone()))
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
