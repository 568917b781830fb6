//! What is read from a file does what the same built by hand does, and every mistake is found and named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod setup;

mod client;
mod destinations;
mod exchange;
mod introspection;
mod names;
mod resource_server;
mod rules;
mod whole;
