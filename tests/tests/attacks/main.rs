//! The attack matrix: hostile tokens and requests against the layer in plain tower, in axum, in tonic and in the gateway
//! of the examples, as HTTP and as gRPC, with a clean, an odd and a hostile key set, under RFC 9068 and leniently, and
//! where the issuer is asked. Each is refused with the exact answer, each control is let in, and nobody else hears of it.
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
mod key_sets;
mod places;
mod score;
mod signer;
mod target;
mod told;
mod trap;
mod world;

mod actors;
mod algorithms;
mod answers;
mod claims;
mod duplicates;
mod embedded;
mod encodings;
mod header_forms;
mod issuers;
mod rogue_keys;
mod signatures;
mod sizes;
mod times;
mod types;

mod introspected;
mod raw;
mod validated;
