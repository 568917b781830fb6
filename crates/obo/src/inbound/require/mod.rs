//! Rules on what a caller may do: for a layer, for an interceptor, or as a value that a handler
//! checks.

pub(crate) mod layer;
mod principal;
mod requirement;
pub(crate) mod rule;
pub(crate) mod rule_table;

pub use layer::{Require, ResponseFuture, RouteOf};
pub use principal::Principal;
pub(crate) use rule::Rule;
pub(crate) use rule_table::RuleTable;
pub use rule_table::{RuleMatch, RuleTableBuilder, Shadow};

#[cfg(test)]
mod tests;
