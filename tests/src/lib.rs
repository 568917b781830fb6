//! Shared by the tests in `tests/`: one service in three kinds of server, and refusal responses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

pub mod expected;
pub mod servers;
