//! The cost of a request, minus that of the bare service, as a ratio to the minimum work.

mod measured;
mod rounds;
mod tokens;

pub(crate) use measured::{Cost, OfAlgorithm, Speed};
pub(crate) use rounds::run;
