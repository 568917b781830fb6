//! The tables, and where they are written.

mod behaviours;
mod chart;
mod markdown;
mod publish;
mod speed;
mod versions;

pub(crate) use publish::publish;
