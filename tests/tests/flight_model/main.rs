//! The single flight under many schedules (TX-44): its source, compiled with the locks and tasks of
//! a model checker.
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
