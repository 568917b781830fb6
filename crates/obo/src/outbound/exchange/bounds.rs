use std::time::Duration;

use obo_core::ConfigError;

/// How much a [`TokenExchange`](super::TokenExchange) may have at hand, and for how long.
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

/// No token is used for longer than this, whatever its server and the configuration say.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

impl CacheBounds {
    /// 64 MiB, of which one subject may have a sixteenth and 256 entries, and an hour.
    pub fn new() -> Self {
        Self {
            bytes: 64 * 1024 * 1024,
            bytes_per_subject: None,
            entries_per_subject: 256,
            lifetime: Duration::from_secs(3600),
        }
    }

    /// Room for the tokens and for what keeps them, in bytes; beyond it, what was used least is let go.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Room for the entries of one subject, in bytes, so that no subject takes the room of all others; a sixteenth of
    /// [`bytes`](Self::bytes) by default, and 64 KiB at least. A subject's entries that expire first are evicted for its new ones.
    #[must_use]
    pub fn bytes_per_subject(mut self, bytes: u64) -> Self {
        self.bytes_per_subject = Some(bytes);
        self
    }

    /// How many tokens of one subject are kept, so that no subject takes the room of all others.
    ///
    /// A subject is an issuer's `sub`, whatever token it comes with: a service that calls with many tokens of its own, or a
    /// user with many sessions, needs as many entries as it has tokens times the destinations they are exchanged for.
    #[must_use]
    pub fn entries_per_subject(mut self, entries: usize) -> Self {
        self.entries_per_subject = entries;
        self
    }

    /// The longest use of a token, from when it was asked for; at most a day.
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
            let problem = "is 0; to keep nothing, give a lifetime of 0";
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
