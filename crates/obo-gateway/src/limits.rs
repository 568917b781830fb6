use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use obo_config::Span;
use serde::Deserialize;

/// The `[limits]` of the file: how much callers may take, and for how long.
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
    /// How many connections there may be at the same time; more wait to be accepted.
    pub(super) fn connections(&self) -> usize {
        self.connections.map_or(10_000, NonZeroUsize::get)
    }

    /// How many of them one address may have; more are closed.
    pub(super) fn connections_per_address(&self) -> usize {
        // A quarter, so that no address alone keeps the others out.
        let quarter = self.connections().div_ceil(4);
        self.connections_per_address
            .map_or(quarter, NonZeroUsize::get)
    }

    /// How long a connection may take to say what it speaks, and then for the head of each HTTP/1.1 request.
    pub(super) fn head(&self) -> Duration {
        self.head.map_or(Duration::from_secs(30), Duration::from)
    }

    /// How long a connection may be without a request, or with a response that its peer does not read.
    pub(super) fn idle(&self) -> Duration {
        self.idle.map_or(Duration::from_secs(60), Duration::from)
    }

    /// The slowest transfer of what is no stream, in bytes per second.
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
            Duration::ZERO => Err("is zero; write one like \"30s\" or \"5m\""),
            duration => Ok(Self(duration)),
        }
    }
}

impl From<Positive> for Duration {
    fn from(Positive(duration): Positive) -> Self {
        duration
    }
}
