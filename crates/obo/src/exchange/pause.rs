use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{ErrorClass, TokenEndpointError};

/// How long a server that throttles without saying so is left alone.
const UNSTATED: Duration = Duration::from_secs(1);

/// How long an authorization server asked to be left alone; all who exchange there keep to it.
#[derive(Debug, Default)]
pub(crate) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// What is left of it.
    pub(crate) fn remaining(&self) -> Duration {
        self.lock().map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// Keeps to what the server asks for by a failure that may pass; whether this is one.
    pub(crate) fn heed(&self, error: &TokenEndpointError) -> bool {
        let asked = error.retry_after();
        match error.class() {
            ErrorClass::Throttled => self.extend(asked.unwrap_or(UNSTATED)),
            ErrorClass::Transient => self.extend(asked.unwrap_or_default()),
            _ => return false,
        }
        true
    }

    /// The failure of whoever would have to ask within it.
    pub(crate) fn refusal(pause: Duration) -> TokenEndpointError {
        let problem = "the authorization server asked to be left alone";
        TokenEndpointError::new(ErrorClass::Throttled, problem).with_retry_after(Some(pause))
    }

    /// Extends it to this long from now; a longer one stays.
    fn extend(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut own = self.lock();
        *own = Some(own.map_or(until, |own| own.max(until)));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
