//! One fetch of a key set, discovery included.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use obo_core::metadata::ServerMetadata;
use obo_core::{KeySet, has_byte_order_mark, retry_after};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::idp::http::{Limits, freshness};
use crate::idp::schedule::FIRST_BACKOFF;
use crate::idp::server::{AuthorizationServer, DISCOVERY_DEADLINE, KEY_SET, get};

/// The longest document, in bytes after decompression.
const MOST_BYTES: usize = 1024 * 1024;

/// Why there are no keys, or no new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshError {
    /// Stable and of low cardinality.
    pub(crate) code: &'static str,
    pub(crate) problem: String,
    pub(crate) retry_after: Duration,
}

impl RefreshError {
    fn new(code: &'static str, problem: impl fmt::Display) -> Self {
        Self {
            code,
            problem: problem.to_string(),
            retry_after: FIRST_BACKOFF,
        }
    }

    fn undiscovered(problem: &dyn fmt::Display) -> Self {
        Self::new("discovery_failed", problem)
    }

    pub(super) fn interrupted(problem: &'static str) -> Self {
        Self::new("interrupted", problem)
    }

    pub(super) fn outdated() -> Self {
        Self::new("outdated", "the key set is outdated")
    }

    /// With the pause that the server requests.
    fn with_pause(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause.unwrap_or_default().max(FIRST_BACKOFF);
        self
    }
}

/// A usable document, and how long its server calls it fresh.
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    pub(super) document: Bytes,
    pub(super) fresh_for: Option<Duration>,
}

pub(super) async fn fetch(
    server: &AuthorizationServer,
    clock: &Clock,
) -> Result<Fetched, RefreshError> {
    let deadline = Instant::now() + DISCOVERY_DEADLINE;
    // Discovery has a deadline of its own; its time counts against this one too.
    let metadata = server.metadata(clock).await;
    let metadata = metadata
        .map_err(|error| RefreshError::undiscovered(&error).with_pause(error.retry_after))?;
    let fetched = fetch_at(server, &metadata, deadline).await;
    fetched.inspect_err(|_| server.doubt(&metadata))
}

async fn fetch_at(
    server: &AuthorizationServer,
    metadata: &ServerMetadata,
    deadline: Instant,
) -> Result<Fetched, RefreshError> {
    let url = metadata
        .jwks_uri
        .as_deref()
        .ok_or_else(|| RefreshError::undiscovered(&metadata.missing("jwks_uri")))?;
    let limits = Limits {
        body: MOST_BYTES,
        deadline: deadline.saturating_duration_since(Instant::now()),
    };
    let request = get(url, KEY_SET).map_err(|error| RefreshError::undiscovered(&error))?;
    let response = server.http().send(request, limits).await;
    let response = response.map_err(|error| RefreshError::new("no_response", error))?;
    if response.status() != StatusCode::OK {
        let status = response.status();
        let problem = format_args!("{url} responded with {status}");
        let error = RefreshError::new("refused", problem);
        let later = retry_after(response.headers(), Clock::system().now());
        return Err(error.with_pause(later));
    }
    let fresh_for = freshness(response.headers());
    let document = response.into_body();
    let keys = KeySet::parse(&document).map_err(|error| {
        let mark = match has_byte_order_mark(&document) {
            true => "; it starts with a byte-order mark, which JSON does not allow",
            false => "",
        };
        RefreshError::new("unusable_key_set", format_args!("{url}: {error}{mark}"))
    })?;
    Ok(Fetched {
        keys,
        document,
        fresh_for,
    })
}
