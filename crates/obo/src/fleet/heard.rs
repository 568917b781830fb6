use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use obo_core::fleet::Unopened;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::clock::Clock;
use crate::observe;

/// The longest time for which the first requests of a process wait.
const FIRST_ATTEMPT: Duration = Duration::from_millis(250);

/// When the log of marks was read last.
#[derive(Default)]
pub(super) struct Heard {
    last: Mutex<Option<Instant>>,
    /// Whether the newest record of the log did not open.
    is_unreadable: AtomicBool,
    /// Whether it was read once, or that has failed.
    was_tried: watch::Sender<bool>,
}

impl Heard {
    /// The log was read to its end by a request that started then.
    pub(super) fn at(&self, start: Instant, clock: &Clock) {
        *self.last.lock() = Some(start);
        self.tried();
        observe::fleet_heard(clock.now());
    }

    /// The newest record of the log did or did not open.
    pub(super) fn newest(&self, opened: Result<(), Unopened>) {
        let was_unreadable = self.is_unreadable.swap(opened.is_err(), Ordering::Relaxed);
        match opened {
            Err(reason) if !was_unreadable => observe::logouts_unreadable(reason.code()),
            Ok(()) if was_unreadable => observe::logouts_readable(),
            _ => {}
        }
    }

    /// Whether the newest record of the log opened. So it is for an empty log.
    pub(super) fn is_readable(&self) -> bool {
        !self.is_unreadable.load(Ordering::Relaxed)
    }

    /// Whether the log was read once.
    pub(super) fn is_once(&self) -> bool {
        self.last.lock().is_some()
    }

    /// A first attempt to read it has ended.
    pub(super) fn tried(&self) {
        self.was_tried
            .send_if_modified(|was_tried| !std::mem::replace(was_tried, true));
    }

    /// Waits until a first attempt to read it has ended; `None` if it has.
    pub(super) fn first_attempt(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let is_over = *self.was_tried.borrow();
        (!is_over).then(|| {
            let mut was_tried = self.was_tried.subscribe();
            async move {
                // It fails only if the fleet is gone.
                let _ = timeout(FIRST_ATTEMPT, was_tried.wait_for(|it| *it)).await;
            }
        })
    }

    /// Whether it was read within this time.
    pub(super) fn is_within(&self, time: Duration) -> bool {
        self.last.lock().is_some_and(|at| at.elapsed() < time)
    }
}
