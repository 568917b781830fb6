//! The store against real servers. Without `redis-server` the tests are skipped, except in CI.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod cluster;
mod contract;
mod faults;
mod fleet;
mod names;
mod setup;
