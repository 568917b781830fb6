//! The inbound side: who calls, and what the caller may do.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not admit a request"
)]

pub mod bearer;
pub(crate) mod bound_tokens;
mod by_method;
pub mod expiry;
pub(crate) mod introspection;
pub mod logout;
pub(crate) mod protected_resource;
mod public_paths;
mod refuse;
pub mod require;
pub(crate) mod resource_server;
pub(crate) mod trust;
mod verified_tokens;
