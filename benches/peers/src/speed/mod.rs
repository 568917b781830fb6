//! What a request costs over the bare service, as ratios to the work that cannot be avoided.

mod measured;
mod rounds;
mod tokens;

pub(crate) use measured::{Cost, OfAlgorithm, Speed};
pub(crate) use rounds::run;
