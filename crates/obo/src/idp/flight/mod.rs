//! Single flight: work that many wait for runs once, in a task of its own.
//!
//! A waiter that is dropped changes nothing for the work or for the others. A failure is shared
//! exactly among those who wait for it.

mod flights;
mod primitives;
#[cfg(test)]
mod tests;

pub(crate) use flights::{Flight, Flights, Interrupted, Overloaded};
