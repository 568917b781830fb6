//! Shared by the tests of several crates. It uses none of the crates under test, so a bug in them
//! cannot hide itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod draft;
#[cfg(feature = "log")]
mod log;
mod members;
#[cfg(feature = "raw")]
mod raw;
#[cfg(feature = "redis")]
mod redis;
mod signer;
#[cfg(feature = "wait")]
mod wait;

pub use draft::Draft;
#[cfg(feature = "log")]
pub use log::{Log, has, listen};
pub use members::Members;
#[cfg(feature = "raw")]
pub use raw::RawServer;
#[cfg(feature = "redis")]
pub use redis::{RedisCluster, RedisServer, free_port};
pub use signer::{Signer, base64url, der_of_pem, mac};
#[cfg(feature = "wait")]
pub use wait::{eventually, soon};
