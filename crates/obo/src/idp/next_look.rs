use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// An instant that is read without a lock.
pub(super) struct NextLook {
    start: Instant,
    millis: AtomicU64,
}

impl NextLook {
    /// One that has passed.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            millis: AtomicU64::new(0),
        }
    }

    pub(super) fn has_come(&self, now: Instant) -> bool {
        self.millis_until(now) >= self.millis.load(Ordering::Relaxed)
    }

    /// `None` counts as passed.
    pub(super) fn set(&self, at: Option<Instant>) {
        let millis = at.map_or(0, |at| self.millis_until(at));
        self.millis.store(millis, Ordering::Relaxed);
    }

    fn millis_until(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.start);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}
