//! Rules on who may do what: as a layer around a route, as an interceptor, or as a value that a handler checks.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a requirement without an arm of its own would let everybody in"
)]

mod layer;
mod requirement;
mod rule;
mod rule_table;

pub use layer::{Require, RequireLayer, ResponseFuture};
pub use rule::{Party, Rule};
pub use rule_table::RuleTable;

#[cfg(test)]
mod tests;
