//! Reads of files that may hang: a volume of the network, a pipe.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::idp::flight::{Flight, Flights};
use crate::observe;

/// How long an attempt waits for a file whose last content is usable.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

/// The reads of one file: one at a time, shared by all who wait. So a read that hangs blocks one
/// thread, not one for each attempt.
pub(super) struct Reads<T>(Arc<Flights<(), T>>);

impl<T: Clone + Send + Sync + 'static> Reads<T> {
    pub(super) fn new() -> Self {
        // A read that hangs is not repeated meanwhile: each one blocks a thread.
        Self(Flights::new(1, None))
    }

    /// Starts a read, or joins the one under way. Also returns whether it was started.
    ///
    /// It ends even if nothing waits for it.
    pub(super) fn start<W>(&self, read: impl FnOnce() -> W) -> Option<(Flight<T>, bool)>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut is_new = false;
        let flight = self.0.join((), 0, || {
            is_new = true;
            observe::Cause::here().within(read())
        });
        // There is room, since all reads have one key.
        Some((flight.ok()?, is_new))
    }

    /// Returns the result of a read that began after this call; `None` if it was interrupted.
    pub(super) async fn next<W>(&self, read: impl Fn() -> W) -> Option<T>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let (flight, is_new) = self.start(&read)?;
        let result = flight.await.ok();
        if is_new {
            return result;
        }
        // That read may have begun before this call; the next one has not.
        let (flight, _) = self.start(&read)?;
        flight.await.ok()
    }
}

opaque_debug!(Reads<T>);

/// Runs a blocking read, and `late` if it takes longer than [`PATIENCE`]; `None` if it was
/// interrupted.
pub(super) async fn blocking<R: Send + 'static>(
    read: impl FnOnce() -> R + Send + 'static,
    late: impl FnOnce(),
) -> Option<R> {
    let mut reading = spawn_blocking(read);
    if let Ok(read) = timeout(PATIENCE, &mut reading).await {
        return read.ok();
    }
    late();
    reading.await.ok()
}
