use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use obo_core::UnixTime;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;

/// How often the wall clock is read while a request is under way: a suspended machine stops timers, and a corrected clock
/// does not move them.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// An end on both clocks; the earlier one counts.
#[derive(Clone)]
pub(super) struct End {
    at: Instant,
    wall: UnixTime,
    clock: Clock,
}

impl End {
    /// `None` if it is further away than the clock counts.
    pub(super) fn new(wall: UnixTime, clock: &Clock) -> Option<Self> {
        let left = wall.saturating_since(clock.now());
        Some(Self {
            at: Instant::now().checked_add(left)?,
            wall,
            clock: clock.clone(),
        })
    }

    fn has_come(&self) -> bool {
        Instant::now() >= self.at || self.clock.now() >= self.wall
    }

    fn next_look(&self) -> Instant {
        self.at.min(Instant::now() + LOOK_EVERY)
    }
}

pin_project! {
    /// Completes when the end has come.
    pub(super) struct Countdown {
        #[pin]
        timer: Sleep,
        end: End,
    }
}

impl Countdown {
    pub(super) fn new(end: End) -> Self {
        Self {
            timer: sleep_until(end.next_look()),
            end,
        }
    }

    /// Whether the end has come; it costs one comparison until it is time to read the wall clock again.
    pub(super) fn is_over(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        if Instant::now() < this.timer.deadline() {
            return false;
        }
        let is_over = this.end.has_come();
        if !is_over {
            this.timer.reset(this.end.next_look());
        }
        is_over
    }
}

impl Future for Countdown {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while !self.as_mut().is_over() {
            ready!(self.as_mut().project().timer.poll(cx));
        }
        Poll::Ready(())
    }
}
