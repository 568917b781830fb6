//! The task that listens for logouts, and what might stop it.

use std::thread;

use crate::replicas::{Replica, Replicas, SECOND, settle};

/// Two replicas, and an older token of alice. Logouts are not announced.
async fn accepted(replicas: &Replicas) -> (Replica, Replica, String) {
    replicas.store.lose_announcements();
    let (one, other) = (replicas.one(), replicas.one());
    (one, other, replicas.older("alice", 5, "s1"))
}

async fn pass(seconds: u32) {
    for _ in 0..seconds {
        tokio::time::advance(SECOND).await;
        settle().await;
    }
}

#[tokio::test]
async fn listening_outlasts_the_runtime_of_start() {
    let replicas = Replicas::start().await;
    let (one, other, token) = accepted(&replicas).await;
    let fleet = one.fleet.clone();
    let start = move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().unwrap();
        runtime.block_on(fleet.start())
    };
    thread::spawn(start).join().unwrap().unwrap();
    one.caller(&token).await;
    other.log_out(&replicas.issuer(), "alice").await;
    tokio::time::pause();
    pass(4).await;
    assert!(one.refused(&token).await.is_some());
}

#[tokio::test]
async fn listening_requires_a_runtime() {
    let replicas = Replicas::start().await;
    let (one, other, token) = accepted(&replicas).await;
    let fleet = one.fleet.clone();
    let probe = thread::spawn(move || fleet.is_ready());
    assert!(!probe.join().unwrap());
    one.caller(&token).await;
    other.log_out(&replicas.issuer(), "alice").await;
    tokio::time::pause();
    pass(3).await;
    assert!(one.fleet.is_ready());
    assert!(one.refused(&token).await.is_some());
}

#[tokio::test]
async fn panic_of_the_store_costs_seconds() {
    let replicas = Replicas::start().await;
    let (one, other, token) = accepted(&replicas).await;
    one.caller(&token).await;
    settle().await;
    tokio::time::pause();
    replicas.store.panic(3);
    // Each request restarts what has ended, after a pause.
    for _ in 0..100 {
        one.caller(&token).await;
        settle().await;
    }
    assert!(replicas.store.panics_left() >= 2);
    other.log_out(&replicas.issuer(), "alice").await;
    for _ in 0..12 {
        one.fleet.is_ready();
        pass(1).await;
    }
    assert_eq!(replicas.store.panics_left(), 0);
    assert!(one.refused(&token).await.is_some());
}
