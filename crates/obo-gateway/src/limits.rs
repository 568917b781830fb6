use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use obo::ConfigError;
use obo_config::Span;
use serde::Deserialize;

/// The `[limits]` of the file: how much callers may take, and for how long.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsConfig {
    connections: Option<NonZeroUsize>,
    connections_per_address: Option<NonZeroUsize>,
    head: Option<Span>,
    idle: Option<Span>,
    slowest: Option<NonZeroU32>,
}

/// What callers may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many connections there may be at the same time; more wait to be accepted.
    pub(super) connections: usize,
    /// How many of them one address may have; more are closed.
    pub(super) connections_per_address: usize,
    /// How long a connection may take to say what it speaks, and then for the head of each HTTP/1.1 request.
    pub(super) head: Duration,
    /// How long a connection may be without a request, or with a response that its peer does not read.
    pub(super) idle: Duration,
    /// The slowest transfer of what is no stream, in bytes per second.
    pub(super) slowest: u32,
}

impl LimitsConfig {
    pub(super) fn build(&self) -> Result<Limits, ConfigError> {
        let connections = self.connections.map_or(10_000, NonZeroUsize::get);
        // A quarter, so that no address alone keeps the others out.
        let per_address = connections.div_ceil(4);
        let span = |field, span: Option<Span>, unset| match span {
            Some(span) => span.positive(field),
            None => Ok(Duration::from_secs(unset)),
        };
        Ok(Limits {
            connections,
            connections_per_address: self
                .connections_per_address
                .map_or(per_address, NonZeroUsize::get),
            head: span("head", self.head, 30)?,
            idle: span("idle", self.idle, 60)?,
            slowest: self.slowest.map_or(500, NonZeroU32::get),
        })
    }
}
