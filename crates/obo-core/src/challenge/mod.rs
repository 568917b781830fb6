//! Bearer challenges (RFC 6750 section 3): ours, built from a closed set of strings and never from bytes of a request, and
//! those of others, read.

mod build;
pub(crate) mod claims_request;
mod parse;

pub(crate) use build::acr_values;
pub use build::{BearerError, Challenge};
pub use parse::{ReceivedChallenge, with_resource_metadata};
