//! Events, audit records, spans and metrics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod audit;
mod counted;
mod credentials;
mod introspected;
mod not_made;
mod outbound;
mod running;
mod spans;
mod stub;
