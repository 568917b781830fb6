//! The gateway as a black box: requests over sockets, an authorization server, and a stub upstream
//! that records its requests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod fast;
mod upstream;
mod world;

mod bodies;
mod bound;
mod bound_file;
mod bound_fleet;
mod bound_proxies;
mod bound_raw;
mod bound_rules;
mod clients;
mod configuration;
mod connections;
mod deadlines;
mod distant;
mod expiry;
mod fields;
mod grpc;
mod logout;
mod odd_upstreams;
mod opaque;
mod paths;
mod proxied;
mod public;
mod rejected;
mod reload;
mod responses;
mod stalls;
mod traced;
