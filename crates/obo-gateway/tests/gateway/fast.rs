//! A clock that runs fast, for tests over sockets.
//!
//! A paused clock jumps to the next timer when nothing is ready. Bytes on their way through the
//! kernel are not ready, so it may jump over the deadline of a healthy exchange, such as a ping.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::time::{Instant, advance, pause, resume};

/// How often the clock advances, in real time.
const TICK: Duration = Duration::from_millis(10);
/// By how much.
const STEP: Duration = Duration::from_millis(500);

/// The longest time that a test waits for.
const LIMIT: Duration = Duration::from_secs(1200);

/// Runs with a clock that is fifty times as fast as the real one. Panics after [`LIMIT`] on it.
pub(crate) async fn fast<T>(work: impl Future<Output = T>) -> T {
    let (_works, is_over) = mpsc::channel::<()>();
    // The clock waits for the tests' thread, so it does not advance while that one is held up.
    let (tick, mut ticks) = tokio::sync::mpsc::channel(1);
    pause();
    // A paused clock does not jump while such a task runs.
    tokio::task::spawn_blocking(move || {
        while is_over.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout)
            && tick.blocking_send(()).is_ok()
        {}
    });
    let clock = async {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            ticks.recv().await.unwrap();
            advance(STEP).await;
        }
    };
    let value = tokio::select! {
        value = work => value,
        () = clock => panic!("not after {LIMIT:?}"),
    };
    resume();
    value
}
