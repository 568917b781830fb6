//! The attack matrix: hostile tokens and requests against the layer in plain tower, in axum, in
//! tonic, and in the gateway, over HTTP and gRPC.
//!
//! They meet a clean, an odd and a hostile key set, the RFC 9068 and the lenient profile, and an
//! issuer with introspection. Each attack is refused with the exact response, each control is
//! admitted, and no other server is called.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod case;
mod forge;
mod gateway;
mod introspection_endpoint;
mod key_sets;
mod places;
mod score;
mod signer;
mod target;
mod trap;
mod world;

mod actors;
mod algorithms;
mod claims;
mod duplicates;
mod embedded;
mod encodings;
mod header_forms;
mod introspection_responses;
mod issuers;
mod rogue_keys;
mod signatures;
mod sizes;
mod times;
mod types;

mod bound;
mod introspected;
mod raw;
mod validated;
