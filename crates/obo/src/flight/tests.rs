use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use tokio::sync::Notify;

use super::{Flights, Overloaded};

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
    assert!(flights.under_way(&()).is_none());
}
