//! The server from outside: over a socket and by the public API, row by row of the checklist.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod wire;

mod actors;
mod client_authentication;
mod dpop;
mod faults;
mod introspection;
mod keys;
mod lifecycle;
mod logouts;
mod metadata;
mod minted_tokens;
#[cfg(feature = "tls")]
mod mutual_tls;
mod recording;
mod targets_and_scopes;
mod token_endpoint;
mod token_exchange;
