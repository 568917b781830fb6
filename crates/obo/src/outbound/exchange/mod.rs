//! The exchange engine: a validated caller and a target in, a token for that target out.
//!
//! A token at hand is given at once. Otherwise one request to the authorization server serves all who ask for the same
//! token at the same time; it runs in a task of its own, so that a caller that goes away changes nothing for the others.

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
mod token_endpoint;
pub(crate) mod token_exchange;
mod wanted;

pub use actor::ActorSource;
pub use bounds::CacheBounds;
pub use builder::TokenExchangeBuilder;
pub use future::ResponseFuture;
pub(crate) use token_exchange::TokenExchange;
pub(super) use token_exchange::named;
pub use token_exchange::{Exchanged, TokenSource};
pub(crate) use wanted::Wanted;
