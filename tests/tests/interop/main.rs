//! Authorization servers of others, started by `cargo xtask interop`, which says in the environment where they are.
//!
//! One module per server, named as its variable: `OBO_INTEROP_OIDC_PROVIDER` is the line of JSON that it printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod peer;

mod idpyoidc;
mod idpyoidc_as_shipped;
mod nanoidp;
mod oidc_provider;
