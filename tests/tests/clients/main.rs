//! Clients people use, around and inside the service that gives their requests tokens, over sockets.
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
