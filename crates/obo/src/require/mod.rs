//! Rules on who may do what: as a layer around a route, as an interceptor, or as a value that a handler checks.

mod layer;
mod rule;

pub use layer::{Require, RequireLayer, ResponseFuture};
pub use rule::{AllowedActor, Rule};

#[cfg(test)]
mod tests;
