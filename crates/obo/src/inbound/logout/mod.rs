//! Services that receive logouts of authorization servers and revoke tokens at all replicas.
//!
//! - [`BackchannelLogout`] receives logout tokens (OpenID Connect Back-Channel Logout 1.0).
//! - [`SecurityEvents`] receives security event tokens (RFC 8935), with the events of CAEP and
//!   RISC.
//!
//! The tokens are refused wherever the [`Fleet`](crate::fleet::Fleet) is given to a
//! [`ResourceServer`](crate::resource_server::ResourceServerBuilder::fleet) or a
//! [`TokenExchange`](crate::exchange::TokenExchangeBuilder::fleet), in each process that shares its
//! store.
//!
//! Give each one a path of its own that needs no bearer token: the token in the body authenticates
//! the sender. What happens to a request:
//!
//! 1. A request with another method gets 405, one with another media type 415.
//! 2. The body is read: at most 64 KiB (413) within 5 s (408).
//! 3. The issuer of the token must be one that the [`ResourceServer`](crate::ResourceServer)
//!    trusts, and the algorithm one of its policy. A token of another issuer causes no I/O.
//! 4. The keys of the issuer verify the token. They are fetched like those of access tokens: an
//!    unknown `kid` may cause a fetch. If the keys are not available, the response is 503 with
//!    `Retry-After`.
//! 5. Its claims are validated by
//!    [`Policy::verify_logout_token`](crate::Policy::verify_logout_token) or
//!    [`Policy::verify_security_event`](crate::Policy::verify_security_event).
//! 6. In one step, the fleet takes the `jti` and revokes the tokens. If the
//!    store is not available, the response is 503 with `Retry-After`, and the same token takes
//!    effect when it is sent again.
//!
//! Users are not looked up, so an unknown one is treated like a known one.

mod backchannel;
mod failure;
mod future;
mod receiver;
mod security_events;

pub use backchannel::BackchannelLogout;
pub use future::ResponseFuture;
pub use security_events::SecurityEvents;
