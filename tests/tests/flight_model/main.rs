//! The single flight under many schedules (TX-44): its own file, compiled with locks and tasks that a model checker runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod flight;
mod world;

mod outcomes;
