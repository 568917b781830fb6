//! Token introspection (RFC 7662): for opaque tokens, and to refuse revoked tokens before they
//! expire.
//!
//! Concurrent requests with the same token share one introspection request. An active token is
//! cached with the verified tokens, until it expires or reaches the configured age. An inactive
//! token is cached for a few seconds. A missing response is never cached, and neither is a response
//! about a user who was forgotten during the request.

mod endpoint;
mod forgotten;
mod introspector;
mod settings;

pub(crate) use forgotten::Forgotten;
pub(crate) use introspector::{InFlight, Introspector, Shared};
pub use settings::Introspection;
pub(crate) use settings::Jwts;
