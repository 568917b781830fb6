//! Responses that last longer than the token of their request, on sockets that axum serves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod setup;

mod expiry;
mod upgrade;
