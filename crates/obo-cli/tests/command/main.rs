//! The command as a person uses it: files, arguments, what it prints, and the exit code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod bindings;
mod causes;
mod certificates;
mod files;
mod fleet;
mod gateway;
mod idp;
mod json;
mod rules;
mod shared;
mod tokens;
mod trace;
mod usage;
mod world;
