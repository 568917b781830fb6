//! A gRPC service inside the layer, over a socket, and a client that calls it on behalf of a user.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod whoami;

mod accessors;
#[cfg(feature = "tls")]
mod certificates;
mod errors;
mod intermediary;
mod nonces;
mod on_behalf_of;
mod over_socket;
mod streams;
