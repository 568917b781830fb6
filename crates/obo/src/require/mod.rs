//! Rules on who may do what: as a layer around a route, as an interceptor, or as a value that a handler checks.

mod layer;
mod rule;
mod rule_table;

pub use layer::{Require, RequireLayer, ResponseFuture};
pub use rule::{Party, Rule};
pub use rule_table::RuleTable;

#[cfg(test)]
mod tests;
