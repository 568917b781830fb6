//! Writes the tables and the chart.

mod behaviours;
mod chart;
mod markdown;
mod publish;
mod speed;
mod versions;

pub(crate) use publish::publish;
