//! Keys and signatures (RFC 7515, RFC 7517, RFC 7518). `crypto` alone names the cryptography crates.

pub(crate) mod crypto;
#[cfg(feature = "jsonwebtoken")]
mod from_jsonwebtoken;
pub(crate) mod jwk;
pub(crate) mod signing;
