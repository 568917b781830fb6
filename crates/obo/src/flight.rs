//! Single flight: work that many wait for runs once, in a task of its own.
//!
//! A waiter that goes away changes nothing for the work or for the others, and failure is shared exactly among those
//! who wait for it (TX-44).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::sync::oneshot;

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
        tokio::spawn(async move {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    struct Counted {
        started: AtomicUsize,
        go: Notify,
    }

    impl Counted {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                started: AtomicUsize::new(0),
                go: Notify::new(),
            })
        }

        fn work(self: &Arc<Self>) -> impl Future<Output = usize> + Send + use<> {
            let counted = Arc::clone(self);
            async move {
                let number = counted.started.fetch_add(1, Ordering::SeqCst);
                counted.go.notified().await;
                number
            }
        }
    }

    #[tokio::test]
    async fn tx_44_many_share_one_flight_and_a_dropped_waiter_changes_nothing() {
        let flights = Flights::new(8);
        let counted = Counted::new();
        let first = flights.join((), || counted.work()).unwrap();
        let others: Vec<_> = (0..99)
            .map(|_| flights.join((), || counted.work()).unwrap())
            .collect();
        drop(first);
        counted.go.notify_one();
        for other in others {
            assert_eq!(other.await, Ok(0));
        }
        assert_eq!(counted.started.load(Ordering::SeqCst), 1);
        counted.go.notify_one();
        let later = flights.join((), || counted.work()).unwrap();
        assert_eq!(later.await, Ok(1));
    }

    #[tokio::test]
    async fn a_panicking_flight_is_lost_and_leaves_the_map() {
        let flights: Arc<Flights<u8, ()>> = Flights::new(1);
        let lost = flights.join(1, || async { panic!("of the test") }).unwrap();
        assert!(lost.await.is_err());
        assert_eq!(flights.join(1, || async {}).unwrap().await, Ok(()));
    }

    #[tokio::test]
    async fn flights_are_capped() {
        let flights = Flights::new(1);
        let counted = Counted::new();
        let landing = flights.join(1, || counted.work()).unwrap();
        assert!(matches!(
            flights.join(2, || counted.work()),
            Err(Overloaded)
        ));
        counted.go.notify_one();
        landing.await.unwrap();
        counted.go.notify_one();
        flights.join(2, || counted.work()).unwrap().await.unwrap();
    }

    #[test]
    fn a_runtime_that_shuts_down_leaves_no_waiter_hanging() {
        let flights = Flights::new(1);
        let counted = Counted::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let entered = runtime.enter();
        let landing = flights.join((), || counted.work()).unwrap();
        drop(entered);
        drop(runtime);
        assert!(landing.now_or_never().unwrap().is_err());
        assert!(flights.lock().is_empty());
    }
}
