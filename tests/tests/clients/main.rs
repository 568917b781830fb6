//! Common clients, around and inside the service that adds tokens to their requests, over sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod setup;

mod kinds;
mod redirects;
mod stacks;
