use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long one side of a transfer may stall: at most `silence` at once. In total, it may stall for
/// `silence` and the time that its bytes take at the slowest rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    silence: Duration,
    /// The slowest rate in bytes per second; `None` for a stream, which may be slow.
    slowest: Option<u32>,
    waited: Duration,
    bytes: u64,
    since: Option<Instant>,
}

impl Pace {
    pub(super) fn new(silence: Duration, slowest: Option<u32>) -> Self {
        Self {
            silence,
            slowest,
            waited: Duration::ZERO,
            bytes: 0,
            since: None,
        }
    }

    /// Starts a wait, unless one has started. Returns when it is too long.
    pub(super) fn waits(&mut self, now: Instant) -> Instant {
        let since = *self.since.get_or_insert(now);
        since + self.patience()
    }

    /// Returns when the current wait is too long, if there is one.
    pub(super) fn until(&self) -> Option<Instant> {
        Some(self.since? + self.patience())
    }

    /// Ends the wait: these bytes have moved.
    pub(super) fn moved(&mut self, now: Instant, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_duration_since(since);
        }
        self.bytes += bytes as u64;
    }

    /// How long the next wait may be.
    fn patience(&self) -> Duration {
        let Some(slowest) = self.slowest else {
            return self.silence;
        };
        let earned = Duration::from_secs(self.bytes / u64::from(slowest.max(1)));
        let left = (self.silence + earned).saturating_sub(self.waited);
        left.min(self.silence)
    }
}

/// A timer that is set again at each poll.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Is ready at `until`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many of a thousand pieces arrive in time, each of `bytes` bytes and after `pause`.
    fn pieces(pause: Duration, bytes: usize, slowest: Option<u32>) -> usize {
        let mut now = Instant::now();
        let mut pace = Pace::new(10 * SECOND, slowest);
        for piece in 0..1000 {
            if now + pause > pace.waits(now) {
                return piece;
            }
            now += pause;
            pace.moved(now, bytes);
        }
        1000
    }

    #[test]
    fn only_trickling_transfer_ends() {
        assert_eq!(pieces(SECOND, 1, Some(500)), 10);
        assert_eq!(pieces(SECOND, 499, Some(500)), 1000);
        assert_eq!(pieces(SECOND, 250, Some(500)), 19);
        // A stream may be slow, but not silent.
        assert_eq!(pieces(9 * SECOND, 1, None), 1000);
        assert_eq!(pieces(11 * SECOND, 1000, None), 0);
        assert_eq!(pieces(11 * SECOND, 1_000_000, Some(500)), 0);
    }
}
