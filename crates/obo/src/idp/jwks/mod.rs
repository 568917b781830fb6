//! The keys of one issuer: read without waiting, renewed in the background.
//!
//! - A known key is returned at once, whatever a fetch is doing.
//! - An unknown key waits for one shared fetch, and so does a signature that does not verify by a
//!   known key. Such fetches have a budget, so forged tokens cannot flood the issuer.
//! - A set past its maximum age is renewed before it is used, except during an outage: then it
//!   stays in use without waiting, up to a hard limit.
//! - The freshness that a server states is respected between a minimum and the configured maximum.
//! - A `Retry-After` of the server is respected.

mod fetch;
mod key_refresh;
mod remote;
mod status;

pub(crate) use fetch::RefreshError;
pub use key_refresh::KeyRefresh;
pub(crate) use remote::{Jwks, Lookup, Refresh};
pub use status::KeyStatus;
