//! What several of the tests in `tests/` share: one service in three kinds of server, and what a refusal looks like.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

pub mod expected;
pub mod servers;
