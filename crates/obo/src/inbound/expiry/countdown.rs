use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use obo_core::{TokenError, UnixTime};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;
use crate::observe;
use crate::refusal::rejection::Rejection;

/// How often the wall clock is read while a request is under way: a suspended machine stops timers, and a corrected clock
/// does not move them.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// When a token expires, on both clocks; the earlier one counts.
#[derive(Clone)]
pub(crate) struct End {
    at: Instant,
    wall: UnixTime,
    clock: Clock,
}

impl End {
    /// `None` if it is further away than the clock counts.
    pub(crate) fn new(wall: UnixTime, clock: &Clock) -> Option<Self> {
        let left = wall.saturating_since(clock.now());
        Some(Self {
            at: Instant::now().checked_add(left)?,
            wall,
            clock: clock.clone(),
        })
    }

    fn next_look(&self) -> Instant {
        self.at.min(Instant::now() + LOOK_EVERY)
    }
}

pin_project! {
    /// Completes with the refusal of an expired token, which it records.
    pub(crate) struct Countdown {
        #[pin]
        timer: Sleep,
        end: End,
    }
}

impl Countdown {
    pub(crate) fn new(end: End) -> Self {
        Self {
            timer: sleep_until(end.next_look()),
            end,
        }
    }

    /// The refusal, once the end has come; it costs one comparison until it is time to read the wall clock again.
    pub(crate) fn expired(self: Pin<&mut Self>) -> Option<Rejection> {
        let this = self.project();
        let now = Instant::now();
        if now < this.timer.deadline() {
            return None;
        }
        if now < this.end.at && this.end.clock.now() < this.end.wall {
            this.timer.reset(this.end.next_look());
            return None;
        }
        let rejection = Rejection::Token(TokenError::Expired);
        observe::stream_ended(&rejection);
        Some(rejection)
    }
}

impl Future for Countdown {
    type Output = Rejection;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Rejection> {
        loop {
            if let Some(rejection) = self.as_mut().expired() {
                return Poll::Ready(rejection);
            }
            ready!(self.as_mut().project().timer.poll(cx));
        }
    }
}
