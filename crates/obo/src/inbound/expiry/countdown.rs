use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use obo_core::{TokenError, UnixTime};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;
use crate::observe;
use crate::refusal::rejection::Rejection;

/// How often the wall clock is read while a request runs. Timers stop while the machine is
/// suspended, and do not follow a clock that is set.
const WALL_CLOCK_INTERVAL: Duration = Duration::from_secs(5);

/// When a token expires on the monotonic and on the wall clock. The earlier one counts.
#[derive(Clone)]
pub(crate) struct End {
    at: Instant,
    wall: UnixTime,
    clock: Clock,
}

impl End {
    /// `None` if the end is beyond the range of the monotonic clock.
    pub(crate) fn new(wall: UnixTime, clock: &Clock) -> Option<Self> {
        let left = wall.saturating_since(clock.now());
        Some(Self {
            at: Instant::now().checked_add(left)?,
            wall,
            clock: clock.clone(),
        })
    }

    fn next_check(&self) -> Instant {
        self.at.min(Instant::now() + WALL_CLOCK_INTERVAL)
    }
}

pin_project! {
    /// Completes when the token expires, with the rejection. Records it.
    pub(crate) struct Countdown {
        #[pin]
        timer: Sleep,
        end: End,
    }
}

impl Countdown {
    pub(crate) fn new(end: End) -> Self {
        Self {
            timer: sleep_until(end.next_check()),
            end,
        }
    }

    /// The rejection, once the token has expired. Costs one comparison until the wall clock is due
    /// to be read again.
    pub(crate) fn expired(self: Pin<&mut Self>) -> Option<Rejection> {
        let this = self.project();
        let now = Instant::now();
        if now < this.timer.deadline() {
            return None;
        }
        if now < this.end.at && this.end.clock.now() < this.end.wall {
            this.timer.reset(this.end.next_check());
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
