pub(super) use std::sync::{Mutex, MutexGuard};

use tokio::runtime::Handle;
pub(super) use tokio::spawn;
use tokio::time::{Instant, timeout_at};

/// The output of the future, unless the deadline passes first.
pub(super) async fn before<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    match Handle::try_current() {
        Ok(_) => timeout_at(deadline, future).await.ok(),
        // An executor of another kind, which may wait for work on a runtime, has no timers.
        Err(_) => Some(future.await),
    }
}
