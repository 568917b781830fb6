//! Validates tokens and reads what they say about the caller.

pub(crate) mod actor;
pub(crate) mod caller;
pub(crate) mod claims;
pub(crate) mod jwt;
pub(crate) mod kind;
pub(crate) mod payload;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod pseudonym;
pub(crate) mod typed;
pub(crate) mod unverified;
pub(crate) mod values;
#[cfg(test)]
mod wycheproof;
