use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, Semaphore};
use tokio::time::advance;

use super::{Flights, Interrupted, Overloaded};

const DEADLINE: Option<Duration> = Some(Duration::from_secs(10));

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

/// TX-44
#[tokio::test]
async fn dropped_waiter_keeps_flight_alive() {
    let flights = Flights::new(8, DEADLINE);
    let counted = Counted::new();
    let first = flights.join((), 0, || counted.work()).unwrap();
    let others: Vec<_> = (0..99)
        .map(|_| flights.join((), 0, || counted.work()).unwrap())
        .collect();
    drop(first);
    counted.go.notify_one();
    for other in others {
        assert_eq!(other.await, Ok(0));
    }
    assert_eq!(counted.started.load(Ordering::SeqCst), 1);
    counted.go.notify_one();
    let later = flights.join((), 0, || counted.work()).unwrap();
    assert_eq!(later.await, Ok(1));
}

#[tokio::test]
async fn panicking_flight_leaves_the_map() {
    let flights: Arc<Flights<u8, ()>> = Flights::new(1, DEADLINE);
    let lost = flights
        .join(1, 0, || async { panic!("of the test") })
        .unwrap();
    assert!(lost.await.is_err());
    assert_eq!(flights.join(1, 0, || async {}).unwrap().await, Ok(()));
}

#[tokio::test]
async fn flights_are_capped() {
    let flights = Flights::new(1, DEADLINE);
    let counted = Counted::new();
    let landing = flights.join(1, 0, || counted.work()).unwrap();
    assert!(matches!(
        flights.join(2, 0, || counted.work()),
        Err(Overloaded)
    ));
    counted.go.notify_one();
    landing.await.unwrap();
    counted.go.notify_one();
    flights
        .join(2, 0, || counted.work())
        .unwrap()
        .await
        .unwrap();
}

#[tokio::test]
async fn one_owner_leaves_room_for_others() {
    let flights: Arc<Flights<u64, ()>> = Flights::new(128, DEADLINE);
    let gate = Arc::new(Semaphore::new(0));
    let join = |key, owner| {
        let gate = Arc::clone(&gate);
        flights.join(key, owner, || async move {
            let _ = gate.acquire().await;
        })
    };
    let mut landings = Vec::new();
    for key in 0..128 {
        landings.push(join(key, 1).unwrap());
    }
    assert!(join(128, 1).is_err());
    // The share of each other owner is a 64th of the places.
    for owner in 2..66 {
        for number in 0..2 {
            landings.push(join(1000 * owner + number, owner).unwrap());
        }
        assert!(join(1000 * owner + 2, owner).is_err());
    }
    assert_eq!(landings.len(), 256);
    assert!(join(999, 70).is_err());
    gate.close();
    for landing in landings {
        landing.await.unwrap();
    }
    assert!(join(999, 70).is_ok());
}

/// A runtime of its own thread, which nothing drives.
fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

#[test]
fn shutdown_leaves_no_waiter_hanging() {
    let flights = Flights::new(1, DEADLINE);
    let counted = Counted::new();
    let runtime = runtime();
    let entered = runtime.enter();
    let landing = flights.join((), 0, || counted.work()).unwrap();
    drop(entered);
    drop(runtime);
    assert!(landing.now_or_never().unwrap().is_err());
    assert!(flights.under_way(&()).is_none());
}

#[test]
fn idle_runtime_keeps_no_waiter() {
    let (flights, idle) = (Flights::new(2, DEADLINE), runtime());
    let counted = Counted::new();
    let stuck = {
        let _entered = idle.enter();
        [1, 2].map(|key| flights.join(key, 0, || counted.work()).unwrap())
    };
    let mut driven = Builder::new_current_thread();
    let driven = driven.enable_time().start_paused(true).build().unwrap();
    driven.block_on(async {
        let waiting = flights.join(1, 0, || counted.work()).unwrap();
        assert_eq!(waiting.await, Err(Interrupted));
        for landing in stuck {
            assert_eq!(landing.await, Err(Interrupted));
        }
        assert!(flights.under_way(&2).is_none());
        // Stuck work takes no place either.
        let anew = [1, 3].map(|key| flights.join(key, 0, || counted.work()).unwrap());
        advance(Duration::from_secs(1)).await;
        assert_eq!(counted.started.load(Ordering::SeqCst), 2);
        // The stuck work of the first key goes, and the new work of that key stays.
        idle.shutdown_background();
        assert!(flights.under_way(&1).is_some());
        counted.go.notify_waiters();
        for landing in anew {
            landing.await.unwrap();
        }
        assert!(flights.under_way(&1).is_none());
    });
}
