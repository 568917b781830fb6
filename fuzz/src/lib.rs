//! Fuzz targets: each takes bytes and panics when what it knows for certain does not hold.
//!
//! What is certain is told by a second, simpler reading of the same bytes, or by who signed what; never by the code
//! under test. `targets/` has one line per target for libFuzzer.
#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is how a target says that it has found something"
)]

pub mod authorization_header;
pub mod compact_jws;
pub mod config_document;
pub mod discovery_document;
pub mod introspection_response;
pub mod jwks_document;
pub mod layer_with_mock_idp;
mod model;
pub mod received_challenge;
mod signer;
pub mod token_response;
mod world;
pub mod www_authenticate_build;
