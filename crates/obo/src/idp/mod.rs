//! What both sides share of an authorization server: its documents, keys and endpoints.

pub(crate) mod admission;
mod breaker;
pub(crate) mod client_auth;
pub(crate) mod endpoint;
pub(crate) mod flight;
pub(crate) mod http;
pub(crate) mod jwks;
mod pauses;
pub(crate) mod server;
