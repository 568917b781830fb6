//! The cost of a request, minus that of the bare service, as a ratio to the minimum work.

mod measured;
mod proofs;
mod rounds;
mod tokens;

pub(crate) use measured::{Cost, OfAlgorithm, Proofs, Speed};
pub(crate) use proofs::proofs;
pub(crate) use rounds::run;
