use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long an authorization server asked to be left alone; all who exchange there keep to it.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// What is left of it.
    pub(super) fn remaining(&self) -> Duration {
        self.lock().map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// Extends it to this long from now; a longer one stays.
    pub(super) fn extend(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut own = self.lock();
        *own = Some(own.map_or(until, |own| own.max(until)));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
