//! Challenges of the schemes `Bearer` (RFC 6750 section 3) and `DPoP` (RFC 9449 section 7.1). Ours
//! are built from a closed set of strings, never from bytes of a request. Those of other services
//! are parsed.

mod build;
pub(crate) mod claims_request;
mod parse;

pub(crate) use build::acr_values;
pub use build::{BearerError, Challenge};
pub use parse::{ReceivedChallenge, with_resource_metadata};
