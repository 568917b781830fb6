//! Authorization servers of other projects, which `cargo xtask interop` starts. Their addresses are
//! in the environment.
//!
//! One module per server, named like its variable: `OBO_INTEROP_OIDC_PROVIDER` is the line of JSON
//! that the server printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod guarded;
mod peer;
mod tls;

mod idpyoidc;
mod idpyoidc_as_shipped;
mod nanoidp;
mod oidc_provider;
