use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use obo_core::{Caller, TokenError, UnixTime};
use pin_project_lite::pin_project;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;
use crate::fleet::Fleet;
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
    /// Whose logout ends it earlier.
    caller: Option<(Fleet, Caller)>,
}

impl End {
    /// `None` if the end is beyond the range of the monotonic clock.
    pub(crate) fn new(
        wall: UnixTime,
        clock: &Clock,
        caller: Option<(Fleet, Caller)>,
    ) -> Option<Self> {
        let left = wall.saturating_since(clock.now());
        Some(Self {
            at: Instant::now().checked_add(left)?,
            wall,
            clock: clock.clone(),
            caller,
        })
    }

    fn next_check(&self) -> Instant {
        self.at.min(Instant::now() + WALL_CLOCK_INTERVAL)
    }
}

pin_project! {
    /// Completes when the token expires or is revoked, with the rejection. Records it.
    pub(crate) struct Countdown {
        #[pin]
        timer: Sleep,
        end: End,
        // With a fleet: completes at the next logout of any user.
        revoked: Option<Pin<Box<OwnedNotified>>>,
        // The number of logouts that were compared with the caller.
        seen: Option<u64>,
    }
}

impl Countdown {
    pub(crate) fn new(end: End) -> Self {
        Self {
            timer: sleep_until(end.next_check()),
            revoked: end.caller.as_ref().map(|(fleet, _)| fleet.changed()),
            seen: None,
            end,
        }
    }

    /// The rejection, once the token has expired or was revoked. Costs two comparisons until the
    /// wall clock is due to be read again or someone logs out.
    pub(crate) fn expired(self: Pin<&mut Self>) -> Option<Rejection> {
        let this = self.project();
        let now = Instant::now();
        let is_due = this.timer.deadline() <= now;
        if let Some((fleet, caller)) = &this.end.caller {
            let revocations = fleet.revocations();
            if (is_due || *this.seen != Some(revocations))
                && let Some(rejection) = fleet.standing(caller).refusal()
            {
                observe::stream_ended(&rejection);
                return Some(rejection);
            }
            *this.seen = Some(revocations);
        }
        if !is_due {
            return None;
        }
        let wall = this.end.clock.now();
        if now < this.end.at && wall < this.end.wall {
            this.timer.reset(this.end.next_check());
            return None;
        }
        let rejection = Rejection::Token(TokenError::Expired {
            ago: wall.saturating_since(this.end.wall),
            leeway: Duration::ZERO, // The end is after the leeway.
        });
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
            let this = self.as_mut().project();
            if let (Some(revoked), Some((fleet, _))) = (&mut *this.revoked, &this.end.caller)
                && revoked.as_mut().poll(cx).is_ready()
            {
                *revoked = fleet.changed();
                continue;
            }
            ready!(this.timer.poll(cx));
        }
    }
}
