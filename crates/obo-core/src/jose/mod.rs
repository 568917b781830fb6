//! Keys and signatures (RFC 7515, RFC 7517, RFC 7518). Only `crypto` names the cryptography crates.

pub(crate) mod crypto;
#[cfg(feature = "jsonwebtoken")]
mod from_jsonwebtoken;
pub(crate) mod jwk;
pub(crate) mod signing;
