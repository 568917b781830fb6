use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client_auth::Reached;
use crate::{ErrorClass, Issuer, TokenEndpointError, observe, random};

/// After how many failures in a row the server is left alone.
const FAILURES: u32 = 5;
/// For how long at first; it doubles each time.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Leaves an authorization server alone that keeps failing: nobody waits for what will not come, and it can recover.
///
/// Only failures that may pass count, and those of one subject alone open nothing: the fault may be in what is asked for it.
/// After the time one request goes ahead, of another subject than the one before it if there is any, and the others follow
/// if it got an answer.
#[derive(Debug)]
pub(crate) struct Breaker {
    issuer: Issuer,
    /// Which of the server's endpoints it is before: `token` or `introspection`.
    endpoint: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Whose failure was the last one that counts.
    failed_for: Option<u64>,
    /// Whether there were failures of several subjects.
    are_of_several: bool,
    /// How often in a row it opened.
    openings: u32,
    open_until: Option<Instant>,
    is_probing: bool,
}

/// The right to ask; one that is dropped unused tells nothing.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    subject: u64,
    is_probe: bool,
}

impl Breaker {
    pub(crate) fn new(issuer: Issuer, endpoint: &'static str) -> Self {
        Self {
            issuer,
            endpoint,
            state: Mutex::default(),
        }
    }

    /// Asks on behalf of `subject`, unless the server is left alone, and learns from how it ends.
    pub(crate) async fn guard<T>(
        &self,
        subject: u64,
        reached: &Reached,
        ask: impl Future<Output = Result<T, TokenEndpointError>>,
    ) -> Result<T, TokenEndpointError> {
        let pass = self.pass(subject).map_err(|left| {
            let problem = "the authorization server kept failing and is left alone for a moment";
            TokenEndpointError::new(ErrorClass::Transient, problem).with_retry_after(Some(left))
        })?;
        let answered = ask.await;
        match answered.as_ref().map_err(TokenEndpointError::class) {
            // What ended before the server was asked tells nothing of it.
            _ if !reached.server() => drop(pass),
            Err(ErrorClass::Transient) => pass.failed(),
            Err(ErrorClass::Throttled) => drop(pass),
            _ => pass.answered(),
        }
        answered
    }

    /// The right to ask, or when to try again.
    pub(super) fn pass(&self, subject: u64) -> Result<Pass<'_>, Duration> {
        let mut state = self.lock();
        let Some(until) = state.open_until else {
            return Ok(self.admit(subject, false));
        };
        // Whoever failed last leaves the way to others for a while.
        let until = match state.failed_for == Some(subject) && state.openings > 1 {
            true => until + LONGEST,
            false => until,
        };
        let left = until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Err(left);
        }
        if state.is_probing {
            return Err(FIRST);
        }
        state.is_probing = true;
        Ok(self.admit(subject, true))
    }

    fn admit(&self, subject: u64, is_probe: bool) -> Pass<'_> {
        Pass {
            breaker: self,
            subject,
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
            // A request that began before it opened says nothing about what came later.
            if !self.is_probe {
                return;
            }
            observe::breaker(&self.breaker.issuer, self.breaker.endpoint, false);
        }
        *state = State::default();
    }

    /// It failed in a way that may pass.
    pub(super) fn failed(self) {
        let mut state = self.breaker.lock();
        state.failures += 1;
        let before = state.failed_for.replace(self.subject);
        state.are_of_several |= before.is_some_and(|before| before != self.subject);
        let is_open = state.open_until.is_some();
        let opens = !is_open && state.are_of_several && state.failures >= FAILURES;
        if self.is_probe || opens {
            let longest = FIRST * 2_u32.pow(state.openings.min(8));
            let jitter = 1.0 - 0.2 * random::fraction();
            state.open_until = Some(Instant::now() + longest.min(LONGEST).mul_f64(jitter));
            state.openings += 1;
            observe::breaker(&self.breaker.issuer, self.breaker.endpoint, true);
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
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::time::advance;

    static NEXT: AtomicU64 = AtomicU64::new(100);

    /// Of a subject that nobody else is.
    fn pass(breaker: &Breaker) -> Result<Pass<'_>, Duration> {
        breaker.pass(NEXT.fetch_add(1, Ordering::SeqCst))
    }

    fn fail(breaker: &Breaker) {
        pass(breaker).unwrap().failed();
    }

    fn closed() -> Breaker {
        Breaker::new(Issuer::new("https://idp.example").unwrap(), "token")
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
            pass(&breaker).unwrap().answered();
        }
        pass(&breaker).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn once_open_one_goes_ahead_after_the_time_and_an_answer_closes_it() {
        let breaker = opened();
        let left = pass(&breaker).unwrap_err();
        assert!(left <= FIRST && left >= FIRST.mul_f64(0.8), "{left:?}");
        advance(FIRST).await;
        let probe = pass(&breaker).unwrap();
        pass(&breaker).unwrap_err();
        probe.answered();
        pass(&breaker).unwrap();
        fail(&breaker);
        pass(&breaker).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_doubles_the_time_up_to_the_longest() {
        let breaker = opened();
        let mut longest = FIRST;
        for _ in 0..8 {
            advance(longest).await;
            fail(&breaker);
            longest = (longest * 2).min(LONGEST);
            let left = pass(&breaker).unwrap_err();
            assert!(left <= longest && left >= longest.mul_f64(0.8), "{left:?}");
        }
        assert_eq!(longest, LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_lets_another_one_go() {
        let breaker = opened();
        advance(FIRST).await;
        drop(pass(&breaker).unwrap());
        pass(&breaker).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_before_it_opened_neither_closes_nor_prolongs_it() {
        let breaker = closed();
        let early = [(); 2].map(|()| pass(&breaker).unwrap());
        for _ in 0..FAILURES {
            fail(&breaker);
        }
        let [answered, failed] = early;
        answered.answered();
        failed.failed();
        let left = pass(&breaker).unwrap_err();
        assert!(left <= FIRST, "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_subject_alone_opens_nothing() {
        let breaker = closed();
        for _ in 0..100 {
            breaker.pass(1).unwrap().failed();
        }
        pass(&breaker).unwrap().answered();
        breaker.pass(1).unwrap().failed();
        for _ in 0..FAILURES - 2 {
            breaker.pass(1).unwrap().failed();
        }
        pass(&breaker).unwrap();
        breaker.pass(2).unwrap().failed();
        pass(&breaker).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_failed_last_leaves_the_way_to_others_for_a_while() {
        let breaker = opened();
        advance(FIRST).await;
        breaker.pass(1).unwrap().failed();
        advance(FIRST * 2).await;
        breaker.pass(1).unwrap_err();
        pass(&breaker).unwrap().answered();

        let breaker = opened();
        advance(FIRST).await;
        breaker.pass(1).unwrap().failed();
        advance(FIRST * 2 + LONGEST).await;
        breaker.pass(1).unwrap().answered();
        pass(&breaker).unwrap();
    }
}
