//! One table of refusals, checked on three servers: the layer in plain tower, around an axum
//! router, and in tonic's server, whose raw HTTP/2 responses are compared. Each row is sent as HTTP
//! and as gRPC.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod world;

mod fields;
mod paths;
mod rejections;
