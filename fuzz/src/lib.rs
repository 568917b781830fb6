//! Fuzz targets: each takes bytes, runs the code under test and panics if a rule does not hold.
//!
//! A rule comes from a second, simpler reading of the same bytes, or from who signed what. It never
//! comes from the code under test. `targets/` has one line per target for libFuzzer.
#![allow(
    clippy::missing_panics_doc,
    reason = "a target reports a finding by a panic"
)]

pub mod audit_log;
pub mod authorization_header;
pub mod client_cert_header;
pub mod compact_jws;
pub mod config_document;
pub mod discovery_document;
pub mod dpop_proof;
pub mod event_token;
pub mod introspection_response;
pub mod jwks_document;
pub mod layer_with_mock_idp;
mod model;
pub mod received_challenge;
mod signer;
pub mod token_response;
mod world;
pub mod www_authenticate_build;
