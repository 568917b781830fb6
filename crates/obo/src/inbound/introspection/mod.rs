//! Asking the authorization server of tokens (RFC 7662): for those that say nothing themselves, and so that a token that
//! was revoked is refused before it expires.
//!
//! One request serves all who present the same token at the same time. What it said is kept: that the token is active
//! among the verified tokens, until the token's end or the configured age; that it is not, for a moment. That the server
//! did not say is never kept. Nor is what it said of a user who was forgotten while it was asked.

mod endpoint;
mod forgotten;
mod introspector;
mod settings;

pub(crate) use forgotten::Forgotten;
pub(crate) use introspector::{Asked, Introspector, Shared};
pub use settings::Introspection;
pub(crate) use settings::Jwts;
