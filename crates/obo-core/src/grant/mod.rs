//! What a token is asked for with, and what comes of it.

pub(crate) mod cache_key;
mod digested;
pub(crate) mod issued_token;
pub(crate) mod request;
pub(crate) mod target;
pub(crate) mod token_endpoint;
