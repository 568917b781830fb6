use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Issuer, observe, random};

/// After how many failed exchanges in a row the server is left alone.
const FAILURES: u32 = 5;
/// For how long at first; it doubles each time.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Leaves an authorization server alone that keeps failing: nobody waits for what will not come, and it can recover.
///
/// Only failures that may pass count; after the time, one exchange goes ahead, and the others follow if it got an answer.
#[derive(Debug)]
pub(super) struct Breaker {
    issuer: Issuer,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// How often in a row it opened.
    openings: u32,
    open_until: Option<Instant>,
    is_probing: bool,
}

/// The right to ask; one that is dropped unused tells nothing.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            state: Mutex::default(),
        }
    }

    /// The right to ask, or when to try again.
    pub(super) fn pass(&self) -> Result<Pass<'_>, Duration> {
        let mut state = self.lock();
        let Some(until) = state.open_until else {
            return Ok(self.admit(false));
        };
        let left = until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Err(left);
        }
        if state.is_probing {
            return Err(FIRST);
        }
        state.is_probing = true;
        Ok(self.admit(true))
    }

    fn admit(&self, is_probe: bool) -> Pass<'_> {
        Pass {
            breaker: self,
            is_probe,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The server answered, be it with a refusal.
    pub(super) fn answered(self) {
        let mut state = self.breaker.lock();
        if state.open_until.is_some() {
            // An exchange that began before it opened says nothing about what came later.
            if !self.is_probe {
                return;
            }
            observe::breaker(&self.breaker.issuer, false);
        }
        *state = State::default();
    }

    /// It failed in a way that may pass.
    pub(super) fn failed(self) {
        let mut state = self.breaker.lock();
        state.failures += 1;
        let is_open = state.open_until.is_some();
        if self.is_probe || (!is_open && state.failures >= FAILURES) {
            let longest = FIRST * 2_u32.pow(state.openings.min(8));
            let jitter = 1.0 - 0.2 * random::fraction();
            state.open_until = Some(Instant::now() + longest.min(LONGEST).mul_f64(jitter));
            state.openings += 1;
            observe::breaker(&self.breaker.issuer, true);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn fail(breaker: &Breaker) {
        breaker.pass().unwrap().failed();
    }

    fn closed() -> Breaker {
        Breaker::new(Issuer::new("https://idp.example").unwrap())
    }

    fn opened() -> Breaker {
        let breaker = closed();
        for _ in 0..FAILURES {
            fail(&breaker);
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_between_failures_keeps_it_closed() {
        let breaker = closed();
        for _ in 0..3 {
            for _ in 1..FAILURES {
                fail(&breaker);
            }
            breaker.pass().unwrap().answered();
        }
        breaker.pass().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn once_open_one_goes_ahead_after_the_time_and_an_answer_closes_it() {
        let breaker = opened();
        let left = breaker.pass().unwrap_err();
        assert!(left <= FIRST && left >= FIRST.mul_f64(0.8), "{left:?}");
        advance(FIRST).await;
        let probe = breaker.pass().unwrap();
        breaker.pass().unwrap_err();
        probe.answered();
        breaker.pass().unwrap();
        fail(&breaker);
        breaker.pass().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_doubles_the_time_up_to_the_longest() {
        let breaker = opened();
        let mut longest = FIRST;
        for _ in 0..8 {
            advance(longest).await;
            fail(&breaker);
            longest = (longest * 2).min(LONGEST);
            let left = breaker.pass().unwrap_err();
            assert!(left <= longest && left >= longest.mul_f64(0.8), "{left:?}");
        }
        assert_eq!(longest, LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_lets_another_one_go() {
        let breaker = opened();
        advance(FIRST).await;
        drop(breaker.pass().unwrap());
        breaker.pass().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_before_it_opened_neither_closes_nor_prolongs_it() {
        let breaker = closed();
        let early = [(); 2].map(|()| breaker.pass().unwrap());
        for _ in 0..FAILURES {
            fail(&breaker);
        }
        let [answered, failed] = early;
        answered.answered();
        failed.failed();
        let left = breaker.pass().unwrap_err();
        assert!(left <= FIRST, "{left:?}");
    }
}
