//! The inbound side: who calls, and what they may do.

pub mod bearer;
mod by_method;
pub mod expiry;
pub(crate) mod introspection;
pub(crate) mod protected_resource;
pub mod require;
pub(crate) mod resource_server;
pub(crate) mod trust;
mod verified_tokens;
