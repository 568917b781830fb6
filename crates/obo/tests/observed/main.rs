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
mod described;
mod introspected;
mod logouts;
mod not_made;
mod outbound;
mod refused;
mod running;
mod spans;
mod stub;
mod tokens;
mod traced;
