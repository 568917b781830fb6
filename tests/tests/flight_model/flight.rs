//! `crates/obo/src/idp/flight`, with other primitives.

#[path = "../../../crates/obo/src/idp/flight/flights.rs"]
mod flights;

/// What the file takes from the standard library and from tokio otherwise.
mod primitives {
    pub(super) use shuttle::future::spawn;
    pub(super) use shuttle::sync::{Mutex, MutexGuard};
}

pub(crate) use flights::{Flight, Flights, Overloaded};
