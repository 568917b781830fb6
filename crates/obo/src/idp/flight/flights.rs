//! The map of the work under way. `tests/flight_model` compiles this file again, with primitives
//! that try schedules.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::primitives::{Mutex, MutexGuard, before, spawn};

/// Waits for work under way, which others may wait for too.
pub(crate) struct Flight<T>(Pin<Box<dyn Future<Output = Result<T, Interrupted>> + Send + Sync>>);

/// The result of the work, once there is one. Each waiter is woken for itself: a waiter that is
/// dropped takes no wake-up from the others, as it can with `futures_util::future::Shared`.
type Arrival<T> = watch::Receiver<Option<T>>;

/// The work panicked, its runtime is shutting down, or nothing drives that runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted;

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    fn new(work: &Work<T>) -> Self {
        let (mut arrival, stuck_at) = (work.arrival.clone(), work.stuck_at);
        let arrived = async move {
            let arrived = arrival.wait_for(Option::is_some).await;
            arrived.ok().and_then(|result| result.clone())
        };
        Self(Box::pin(async move {
            let arrived = match stuck_at {
                Some(stuck_at) => before(stuck_at, arrived).await.flatten(),
                None => arrived.await,
            };
            arrived.ok_or(Interrupted)
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

/// How long after its deadline work counts as stuck: it ends itself, unless nothing drives the
/// runtime that it was spawned on, such as one of a thread that is blocked.
const MARGIN: Duration = Duration::from_secs(30);

/// The work under way, by key. Work that is stuck is no longer waited for, and the next call starts
/// anew.
///
/// All owners together have `most` flights. When these places are taken, an owner below its share
/// (a 64th of them) may still start flights, up to as many again: no owner can keep the others out.
pub(crate) struct Flights<K, T> {
    under_way: Mutex<UnderWay<K, T>>,
    most: usize,
    deadline: Option<Duration>,
}

type UnderWay<K, T> = HashMap<K, Work<T>>;

/// What flights wait for.
struct Work<T> {
    owner: u64,
    arrival: Arrival<T>,
    stuck_at: Option<Instant>,
}

impl<T> Work<T> {
    fn is_stuck(&self, now: Instant) -> bool {
        self.stuck_at.is_some_and(|at| at <= now)
    }
}

/// No place is left for a flight of this owner.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overloaded;

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// At most `most` flights, of work that ends itself before `deadline`. Without one, the work
    /// may take any time.
    pub(crate) fn new(most: usize, deadline: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            under_way: Mutex::new(HashMap::new()),
            most,
            deadline,
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
        let now = Instant::now();
        let mut under_way = self.lock();
        match under_way.get(&key) {
            Some(work) if !work.is_stuck(now) => return Ok(Flight::new(work)),
            _ => {}
        }
        if !self.has_room(&under_way, owner) {
            under_way.retain(|_, work| !work.is_stuck(now));
            if !self.has_room(&under_way, owner) {
                return Err(Overloaded);
            }
        }
        let (arrived, arrival) = watch::channel(None);
        let started = Work {
            owner,
            arrival: arrival.clone(),
            stuck_at: self.deadline.map(|deadline| now + deadline + MARGIN),
        };
        let flight = Flight::new(&started);
        under_way.insert(key.clone(), started);
        drop(under_way);
        // The task is spawned after the lock is released: a runtime that shuts down drops the task,
        // and so the place, here.
        let place = Place {
            flights: Arc::clone(self),
            key,
            arrival,
        };
        let work = work();
        spawn(async move {
            let result = work.await;
            drop(place);
            // All waiters may be gone.
            let _ = arrived.send(Some(result));
        });
        Ok(flight)
    }

    /// Returns the flight of `key` that is under way, if there is one.
    pub(crate) fn under_way(&self, key: &K) -> Option<Flight<T>> {
        let under_way = self.lock();
        let work = under_way.get(key)?;
        (!work.is_stuck(Instant::now())).then(|| Flight::new(work))
    }

    fn has_room(&self, under_way: &UnderWay<K, T>, owner: u64) -> bool {
        let (all, share) = (under_way.len(), (self.most / OWNERS).max(1));
        let own = || {
            under_way
                .values()
                .filter(|work| work.owner == owner)
                .count()
        };
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
    arrival: Arrival<T>,
}

impl<K, T> Drop for Place<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        // Once stuck, other work may have its place.
        let is_own = |work: &Work<T>| work.arrival.same_channel(&self.arrival);
        if under_way.get(&self.key).is_some_and(is_own) {
            under_way.remove(&self.key);
        }
    }
}
