//! Calls that are for no user: a service around a client that gives each request a token of this service's own.
//!
//! They are a type of their own and never a fallback: a client that calls on behalf of users fails without one, and this one
//! does not look for any. What happens to a request is the list in [`on_behalf_of`](crate::outbound::on_behalf_of), without its first
//! step and without what a called service may want of a user, with client credentials (RFC 6749 section 4.4) instead of an exchange, from the same cache.
//!
//! ```
//! use obo::{Audience, Client, ClientSecretBasic, Destination, Issuer, TokenExchange};
//! use tower::Layer;
//!
//! # fn example(channel: impl Clone) -> Result<(), obo::ConfigError> {
//! let idp = Issuer::new("https://idp.example.com/realms/corp")?;
//! let client = Client::new("service-a", ClientSecretBasic::new("s3cret")?)?;
//! let exchange = TokenExchange::new(idp, client);
//!
//! let audit = Destination::new("https://audit.corp.example", Audience::new("audit")?)?;
//! let audit = exchange.app_only_to(audit).layer(channel);
//! # Ok(())
//! # }
//! ```

mod layer;
pub(crate) mod service;

pub use layer::AppOnlyLayer;
pub(crate) use service::AppOnly;
