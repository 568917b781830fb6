//! Replicas of a service that share a store, and what happens when the store fails them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod replicas;
mod watched_store;

#[cfg(unix)]
mod hanging_files;
mod hostile_store;
mod introspections;
mod key_rings;
mod listening;
mod logouts;
mod lost_logouts;
mod outages;
mod shared_tokens;
