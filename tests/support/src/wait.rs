use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// How long a test waits for what should happen. A busy machine takes seconds, a fault takes for
/// ever.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for something. Panics after a minute of real time, also while tokio's clock is paused.
pub async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    within(LIMIT, what, happens).await
}

async fn within<T>(limit: Duration, what: &str, happens: impl Future<Output = T>) -> T {
    let (_happened, has_happened) = mpsc::channel::<()>();
    let (late, is_late) = oneshot::channel();
    // A timer of tokio would make a paused clock jump.
    thread::spawn(move || {
        if has_happened.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let _ = late.send(());
        }
    });
    tokio::select! {
        biased;
        value = happens => value,
        Ok(()) = is_late => panic!("not after {limit:?}: {what}"),
    }
}

/// Polls until something is so. Panics after a minute of real time.
///
/// Not for a test with a paused clock: between the polls, it waits for a timer.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < LIMIT, "not after {LIMIT:?}: {what}");
        // A busy loop would take the core that another process needs.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "not after 1ms: the end")]
    async fn paused_clock_stops_no_deadline() {
        within(
            Duration::from_millis(1),
            "the end",
            std::future::pending::<()>(),
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_moves_no_paused_clock() {
        let start = tokio::time::Instant::now();
        soon("a yield", tokio::task::yield_now()).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
