//! A file builds the same as code, and errors name every mistake.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod setup;

mod audit;
mod binding;
mod certificate;
mod client;
mod destinations;
mod exchange;
mod guide;
mod introspection;
mod names;
mod resource_server;
mod rules;
mod shared;
mod whole;
