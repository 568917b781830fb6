//! `crates/obo/src/idp/flight`, compiled with other primitives.

#[path = "../../../crates/obo/src/idp/flight/flights.rs"]
mod flights;

/// Replaces what the file imports from the standard library and tokio.
mod primitives {
    pub(super) use shuttle::future::spawn;
    pub(super) use shuttle::sync::{Mutex, MutexGuard};
    use tokio::time::Instant;

    /// No work is stuck here: each schedule ends.
    pub(super) async fn before<F: Future>(_: Instant, future: F) -> Option<F::Output> {
        Some(future.await)
    }
}

pub(crate) use flights::{Flight, Flights, Overloaded};
