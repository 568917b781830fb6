//! The pauses that an authorization server requested by 429 or `Retry-After`: for which requests,
//! and how long.

use std::time::Duration;

use obo_core::{ErrorClass, TokenEndpointError};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::admission::{Asker, Distinct, SEVERAL};

/// The pause for a server that throttles without a `Retry-After`.
const UNSTATED: Duration = Duration::from_secs(1);
/// The longest pause for all requests because several were paused.
const LONGEST_FOR_ALL: Duration = Duration::from_secs(60);
/// How many pauses are recorded; beyond it, the one that ends first is removed.
const MOST: usize = 1024;

/// The current pauses.
///
/// A pause applies to the subject and target of the request whose response asked for it. A target
/// pauses for all subjects, and the endpoint for all targets, while [`SEVERAL`] of them are paused
/// and no request has been served since.
#[derive(Debug)]
pub(super) struct Pauses {
    running: Mutex<Vec<Pause>>,
    /// How many targets must agree before the whole endpoint pauses.
    targets: usize,
}

#[derive(Debug)]
struct Pause {
    asker: Asker,
    until: Instant,
    /// Until when it counts for others too.
    for_all_until: Instant,
    counts_for_target: bool,
    counts_for_endpoint: bool,
}

impl Pauses {
    pub(super) fn new(targets: usize) -> Self {
        Self {
            running: Mutex::default(),
            targets,
        }
    }

    /// How long this asker must wait.
    pub(super) fn remaining(&self, asker: Asker) -> Duration {
        let now = Instant::now();
        let running = self.running.lock();
        if running.is_empty() {
            return Duration::ZERO;
        }
        let own = running.iter().find(|pause| pause.asker == asker);
        let own = own.map(|pause| pause.until);
        let of_target =
            |pause: &&Pause| pause.counts_for_target && pause.asker.target == asker.target;
        let of_target = agreed(running.iter().filter(of_target), 1);
        let of_endpoint = running.iter().filter(|pause| pause.counts_for_endpoint);
        let of_endpoint = agreed(of_endpoint, self.targets);
        let end = own.max(of_target).max(of_endpoint).unwrap_or(now);
        end.saturating_duration_since(now)
    }

    /// Records the pause that a response requested, if any.
    pub(super) fn record(&self, asker: Asker, error: &TokenEndpointError) {
        // Without a status there was no response, so the wait is one of our own.
        if error.status().is_none() {
            return;
        }
        let pause = match (error.class(), error.retry_after()) {
            (ErrorClass::Throttled, requested) => requested.unwrap_or(UNSTATED),
            (ErrorClass::Transient, Some(requested)) => requested,
            _ => return,
        };
        let now = Instant::now();
        let mut running = self.running.lock();
        let before = running.iter().find(|known| known.asker == asker);
        let until = before.map_or(now + pause, |known| known.until.max(now + pause));
        running.retain(|known| known.asker != asker && known.until > now);
        if running.len() >= MOST {
            let first = running.iter().map(|known| known.until).min();
            running.retain(|known| Some(known.until) != first);
        }
        running.push(Pause {
            asker,
            until,
            for_all_until: until.min(now + LONGEST_FOR_ALL),
            counts_for_target: true,
            counts_for_endpoint: true,
        });
    }

    /// The server served this asker, so pauses of others apply to them alone.
    pub(super) fn served(&self, asker: Asker) {
        for pause in self.running.lock().iter_mut() {
            pause.counts_for_endpoint = false;
            pause.counts_for_target &= pause.asker.target != asker.target;
        }
    }
}

/// Until when at least [`SEVERAL`] subjects and this many targets are paused.
fn agreed<'a>(pauses: impl Iterator<Item = &'a Pause>, targets: usize) -> Option<Instant> {
    let mut pauses: Vec<_> = pauses.collect();
    // The longest first: when a pause completes the number, all before it still apply.
    pauses.sort_unstable_by_key(|pause| std::cmp::Reverse(pause.for_all_until));
    let mut agreeing = Distinct::default();
    let last = pauses.into_iter().find(|pause| {
        agreeing.insert(pause.asker);
        agreeing.are(SEVERAL, targets)
    })?;
    Some(last.for_all_until)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tokio::time::advance;

    use super::*;
    use crate::idp::admission::Admission;

    const MINUTE: Duration = Duration::from_secs(60);

    fn asker(subject: u64, target: u64) -> Asker {
        Asker {
            subject,
            target,
            is_vouched: true,
        }
    }

    fn throttled(pause: Duration) -> TokenEndpointError {
        TokenEndpointError::new(ErrorClass::Throttled, "of the test")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .with_retry_after(Some(pause))
    }

    #[tokio::test(start_paused = true)]
    async fn pause_holds_for_its_caller_only() {
        let pauses = Pauses::new(SEVERAL);
        for target in 0..10 {
            pauses.record(asker(1, target), &throttled(MINUTE));
        }
        pauses.record(asker(2, 0), &throttled(MINUTE));
        assert_eq!(pauses.remaining(asker(1, 0)), MINUTE);
        assert_eq!(pauses.remaining(asker(3, 0)), Duration::ZERO);
        assert_eq!(pauses.remaining(asker(1, 99)), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn several_subjects_pause_their_target() {
        let pauses = Pauses::new(SEVERAL);
        for (subject, seconds) in [(1, 10), (2, 30), (3, 20)] {
            let pause = Duration::from_secs(seconds);
            pauses.record(asker(subject, 7), &throttled(pause));
        }
        // As long as three of them are paused.
        assert_eq!(pauses.remaining(asker(4, 7)), Duration::from_secs(10));
        assert_eq!(pauses.remaining(asker(4, 8)), Duration::ZERO);
        pauses.served(asker(4, 7));
        assert_eq!(pauses.remaining(asker(4, 7)), Duration::ZERO);
        assert_eq!(pauses.remaining(asker(2, 7)), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn several_targets_pause_everything() {
        let pauses = Pauses::new(SEVERAL);
        for number in 1..=3 {
            assert_eq!(pauses.remaining(asker(9, 9)), Duration::ZERO);
            pauses.record(asker(number, number), &throttled(5 * MINUTE));
        }
        assert_eq!(pauses.remaining(asker(9, 9)), LONGEST_FOR_ALL);
        assert_eq!(pauses.remaining(asker(1, 1)), 5 * MINUTE);
        advance(LONGEST_FOR_ALL).await;
        assert_eq!(pauses.remaining(asker(9, 9)), Duration::ZERO);
        pauses.record(asker(1, 1), &throttled(MINUTE));
        pauses.served(asker(8, 8));
        assert_eq!(pauses.remaining(asker(9, 9)), Duration::ZERO);
    }

    /// A dialect of the application may ask for any pause.
    #[tokio::test(start_paused = true)]
    async fn longest_pause_is_shortened() {
        let pauses = Pauses::new(SEVERAL);
        for _ in 0..2 {
            pauses.record(asker(1, 1), &throttled(Duration::MAX));
        }
        assert_eq!(pauses.remaining(asker(1, 1)), 5 * MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_response_requests_a_pause() {
        let pauses = Pauses::new(1);
        for subject in 0..5 {
            pauses.record(asker(subject, 0), &Admission::paused(MINUTE));
        }
        assert_eq!(pauses.remaining(asker(0, 0)), Duration::ZERO);
        let denied = TokenEndpointError::new(ErrorClass::TargetDenied, "of the test")
            .with_status(StatusCode::FORBIDDEN)
            .with_retry_after(Some(MINUTE));
        pauses.record(asker(0, 0), &denied);
        assert_eq!(pauses.remaining(asker(0, 0)), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_are_bounded() {
        let pauses = Pauses::new(SEVERAL);
        for subject in 0..2000 {
            let pause = MINUTE + Duration::from_millis(subject);
            pauses.record(asker(subject, subject % 2), &throttled(pause));
        }
        assert!(pauses.running.lock().len() <= MOST);
        assert!(pauses.remaining(asker(1999, 1)) > MINUTE);
    }
}
