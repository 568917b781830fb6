use std::time::Duration;

use obo_core::ConfigError;

/// How much a [`TokenExchange`](super::TokenExchange) may cache, and for how long.
///
/// ```
/// use std::time::Duration;
/// use obo::exchange::CacheBounds;
///
/// let bounds = CacheBounds::new()
///     .bytes(16 * 1024 * 1024)
///     .entries_per_subject(64)
///     .lifetime(Duration::from_secs(600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheBounds {
    pub(super) bytes: u64,
    pub(super) bytes_per_subject: Option<u64>,
    pub(super) entries_per_subject: usize,
    pub(super) lifetime: Duration,
}

/// Room for a dozen tokens, however small the cache is.
const LEAST_OF_ONE_SUBJECT: u64 = 64 * 1024;

/// No token is cached for longer, whatever its server and the configuration say.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

impl CacheBounds {
    /// 64 MiB in total; per subject a sixteenth of it and 256 entries; an hour per token.
    pub fn new() -> Self {
        Self {
            bytes: 64 * 1024 * 1024,
            bytes_per_subject: None,
            entries_per_subject: 256,
            lifetime: Duration::from_secs(3600),
        }
    }

    /// The size of the cache in bytes, tokens and their bookkeeping. When it is full, the subjects
    /// that were used least are evicted.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// The size of one subject's entries in bytes, so that one subject cannot evict all others. By
    /// default a sixteenth of [`bytes`](Self::bytes), at least 64 KiB. When it is full, the
    /// subject's entries that expire first are evicted.
    #[must_use]
    pub fn bytes_per_subject(mut self, bytes: u64) -> Self {
        self.bytes_per_subject = Some(bytes);
        self
    }

    /// The number of cached tokens of one subject, so that one subject cannot evict all others.
    ///
    /// A subject is an issuer's `sub`, whatever its tokens are. A service that calls with many
    /// tokens of its own, or a user with many sessions, needs as many entries as it has tokens
    /// times the destinations that they are exchanged for.
    #[must_use]
    pub fn entries_per_subject(mut self, entries: usize) -> Self {
        self.entries_per_subject = entries;
        self
    }

    /// The longest time that a token is cached, from when it was requested; at most a day.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The room of one subject, in bytes.
    pub(super) fn of_one_subject(&self) -> usize {
        let bytes = self.bytes_per_subject;
        let bytes = bytes.unwrap_or_else(|| (self.bytes / 16).max(LEAST_OF_ONE_SUBJECT));
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.entries_per_subject == 0 {
            let problem = "is 0; to cache nothing, set `lifetime` to 0";
            return Err(ConfigError::new("entries_per_subject", problem));
        }
        if self.lifetime > MAX_LIFETIME {
            let problem = format!("is more than {} s", MAX_LIFETIME.as_secs());
            return Err(ConfigError::new("lifetime", problem));
        }
        Ok(())
    }
}

impl Default for CacheBounds {
    fn default() -> Self {
        Self::new()
    }
}
