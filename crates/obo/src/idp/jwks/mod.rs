//! The keys of one issuer: read without waiting, refreshed beside the requests.
//!
//! - A known key is answered at once, whatever a fetch is doing meanwhile.
//! - An unknown key waits for one shared fetch, and so does a signature that does not verify by a known key. Such fetches
//!   have a budget, so that forged tokens cannot flood the issuer (JW-21).
//! - A set beyond its maximum age is renewed before it is used (JW-22), save in an outage: then it goes on being used
//!   without waiting, up to a hard limit (JW-23).
//! - What a server says of the age of its answer is heeded between a floor and the configured maximum (JW-24).
//! - A server that asks for a pause (`Retry-After`) gets it.

mod fetch;
mod key_refresh;
mod remote;
mod status;

pub(crate) use fetch::RefreshError;
pub use key_refresh::KeyRefresh;
pub(crate) use remote::{Jwks, Lookup, Refresh};
pub use status::KeyStatus;
