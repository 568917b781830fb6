use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use obo_config::Span;
use serde::Deserialize;

/// The `[limits]` of the file.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    connections: Option<NonZeroUsize>,
    connections_per_address: Option<NonZeroUsize>,
    head: Option<Positive>,
    idle: Option<Positive>,
    slowest: Option<NonZeroU32>,
}

impl Limits {
    /// The number of concurrent connections. Further ones wait to be accepted.
    pub(super) fn connections(&self) -> usize {
        self.connections.map_or(10_000, NonZeroUsize::get)
    }

    /// The number of connections of one address. Further ones are closed.
    pub(super) fn connections_per_address(&self) -> usize {
        // A quarter, so that one address cannot take all connections.
        let quarter = self.connections().div_ceil(4);
        self.connections_per_address
            .map_or(quarter, NonZeroUsize::get)
    }

    /// The time for a connection to show its HTTP version, and for the head of each HTTP/1.1
    /// request.
    pub(super) fn head(&self) -> Duration {
        self.head.map_or(Duration::from_secs(30), Duration::from)
    }

    /// The time that a connection may have no request, or a response that its peer does not read.
    pub(super) fn idle(&self) -> Duration {
        self.idle.map_or(Duration::from_secs(60), Duration::from)
    }

    /// The slowest transfer, in bytes per second. Streams are exempt.
    pub(super) fn slowest(&self) -> u32 {
        self.slowest.map_or(500, NonZeroU32::get)
    }
}

/// A duration that is not zero.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Span")]
pub(super) struct Positive(Duration);

impl TryFrom<Span> for Positive {
    type Error = &'static str;

    fn try_from(span: Span) -> Result<Self, &'static str> {
        match Duration::from(span) {
            Duration::ZERO => Err("is zero; write a duration such as \"30s\" or \"5m\""),
            duration => Ok(Self(duration)),
        }
    }
}

impl From<Positive> for Duration {
    fn from(Positive(duration): Positive) -> Self {
        duration
    }
}
