//! Tokens, and the names that they carry.

pub(crate) mod audience;
pub(crate) mod bearer;
pub(crate) mod foreign_assertion;
pub(crate) mod issuer;
pub(crate) mod scope;
pub(crate) mod token_type;
