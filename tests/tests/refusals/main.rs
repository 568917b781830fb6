//! One table of what is refused and how, held against three servers: the layer in plain tower, around an axum router,
//! and in tonic's own server, whose raw HTTP/2 responses are looked at. Each row is sent as HTTP and as gRPC.
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
