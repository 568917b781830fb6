//! The inbound side from outside: the layer around a service, by the public API, against the rows of the conformance
//! checklist.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod guarded;
mod issuer;

mod grpc;
mod header;
mod issuers;
mod refusals;
mod rules;
mod tokens;
