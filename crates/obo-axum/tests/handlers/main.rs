//! Handlers inside the layer: the caller, and the responses to their errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod app;

mod callers;
mod errors;
mod failures;
mod layer_order;
mod matched_path;
mod origin;
mod protected_resource;
