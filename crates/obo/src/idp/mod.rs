//! What both sides share of an authorization server: its documents, keys and endpoints.

pub(crate) mod admission;
mod breaker;
mod cached;
pub(crate) mod client_auth;
pub(crate) mod endpoint;
pub(crate) mod flight;
pub(crate) mod http;
pub(crate) mod jwks;
mod next_look;
mod pauses;
pub(crate) mod proofs;
mod schedule;
pub(crate) mod server;
