//! How each peer behaves in faults and with bad requests, counted at an authorization server in the
//! process.

mod hang;
mod measured;
mod odd_keys;
mod refusals;
mod renewal;
mod requests;
mod rotation;
mod run;
mod start;
mod storm;
mod world;

pub(crate) use measured::Behaviours;
pub(crate) use run::run;
