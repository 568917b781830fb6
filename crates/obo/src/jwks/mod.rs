//! The keys of one issuer: read without waiting, refreshed beside the requests.
//!
//! - A known key is answered at once, whatever a fetch is doing meanwhile.
//! - An unknown key waits for one shared fetch, and such fetches are rationed, so that made-up `kid`s cannot flood the
//!   issuer (JW-21).
//! - A set goes on being used while it cannot be renewed, up to a hard limit (JW-23).

mod next_look;
mod remote;
mod schedule;

pub(crate) use remote::{Jwks, Lookup, Refresh, RefreshError};
