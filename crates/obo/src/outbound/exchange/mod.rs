//! Token exchange: turns a validated caller and a target into a token for that target.
//!
//! A cached token is returned at once. Otherwise one request to the authorization server serves all
//! callers who want the same token at the same time. It runs in a task of its own, so a caller that
//! is dropped does not affect the others.

mod actor;
mod actor_health;
mod bounds;
mod builder;
mod cache;
mod client_rejection;
mod engine;
mod entries;
mod future;
mod lifetime;
mod own_actor;
mod revocations;
mod shared;
mod token_endpoint;
pub(crate) mod token_exchange;
mod wanted;

pub use actor::ActorSource;
pub use bounds::CacheBounds;
pub use builder::TokenExchangeBuilder;
pub use future::ResponseFuture;
pub(crate) use token_exchange::TokenExchange;
pub(in crate::outbound) use token_exchange::WITHOUT_KEY;
pub use token_exchange::{Exchanged, TokenSource};
pub(crate) use wanted::Wanted;
