//! Calls of the store, each with a deadline. Those that requests wait for in numbers pass a circuit
//! breaker.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::store::{StoreError, StoreFuture};
use crate::observe;

/// After how many failures in a row it opens.
const FAILURES: u32 = 3;
/// For how long it opens at first; the time doubles with each opening.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_millis(500);
/// How often failures of one operation are logged.
const LOGGED_EVERY: Duration = Duration::from_secs(10);
/// What must not be lost may take so many times the deadline.
const PATIENCE: u32 = 10;

/// The connection to the store, as good as it was lately.
pub(super) struct Link {
    deadline: Duration,
    /// Where the store is.
    address: Option<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: Breaker,
    takes: Breaker,
    /// The operations whose failure was logged, and when.
    logged: Vec<(&'static str, Instant)>,
}

/// Which breaker guards a call. One for all deadlines would close the store to a patient call
/// because it is too slow for the others.
#[derive(Clone, Copy)]
enum Guard {
    Calls,
    Takes,
}

#[derive(Default)]
struct Breaker {
    failures: u32,
    open: Option<Open>,
}

struct Open {
    until: Instant,
    lasts: Duration,
}

impl Link {
    pub(super) fn new(deadline: Duration, address: Option<&str>) -> Self {
        Self {
            deadline,
            address: address.map(str::to_owned),
            state: Mutex::default(),
        }
    }

    /// Waits for a call until the deadline. Fails at once while the breaker is open: the request is
    /// served without the store, and should not wait for it in vain.
    pub(super) async fn call<'s, T: 's>(
        &self,
        operation: &'static str,
        call: impl FnOnce() -> StoreFuture<'s, T>,
    ) -> Result<T, StoreError> {
        self.guarded(Guard::Calls, self.deadline, operation, call)
            .await
    }

    /// Takes an identifier, for which a request waits that is refused without it: up to ten times
    /// the deadline.
    ///
    /// It has a breaker of its own. Without one, each request with a proof would wait so long for a
    /// dead store, and is refused all the same.
    pub(super) async fn take<'s, T: 's>(
        &self,
        take: impl FnOnce() -> StoreFuture<'s, T>,
    ) -> Result<T, StoreError> {
        let deadline = self.deadline * PATIENCE;
        self.guarded(Guard::Takes, deadline, "take", take).await
    }

    /// Appends a logout, for up to ten times the deadline. No breaker guards it: logouts are rare,
    /// must not be lost, and go to another node of a cluster than the identifiers.
    pub(super) async fn append<'s, T: 's>(
        &self,
        append: impl FnOnce() -> StoreFuture<'s, T>,
    ) -> Result<T, StoreError> {
        self.call_within(self.deadline * PATIENCE, "append", append)
            .await
    }

    /// Waits for a call until this deadline. No breaker guards it.
    pub(super) async fn call_within<'s, T: 's>(
        &self,
        deadline: Duration,
        operation: &'static str,
        call: impl FnOnce() -> StoreFuture<'s, T>,
    ) -> Result<T, StoreError> {
        let (code, outcome) = match timeout(deadline, call()).await {
            Ok(Ok(value)) => ("ok", Ok(value)),
            Ok(Err(error)) => ("error", Err(error)),
            Err(_) => {
                let problem = format!("did not respond within {deadline:?}");
                ("timeout", Err(self.error(&problem)))
            }
        };
        observe::store_call(operation, code);
        if let Err(error) = &outcome {
            self.log(operation, error);
        }
        outcome
    }

    async fn guarded<'s, T: 's>(
        &self,
        guard: Guard,
        deadline: Duration,
        operation: &'static str,
        call: impl FnOnce() -> StoreFuture<'s, T>,
    ) -> Result<T, StoreError> {
        if !self.state.lock().breaker(guard).admits() {
            observe::store_call(operation, "open");
            return Err(self.error("failed lately and is not called now"));
        }
        let outcome = self.call_within(deadline, operation, call).await;
        self.report(guard, outcome.as_ref().err());
        outcome
    }

    /// An error that names the store.
    pub(super) fn error(&self, problem: &str) -> StoreError {
        let error = StoreError::new(problem);
        match &self.address {
            Some(address) => error.at(address),
            None => error,
        }
    }

    /// Logs a failure, of each operation now and then: a full store fails at each write, and a
    /// lookup in between ends the row of failures.
    fn log(&self, operation: &'static str, error: &StoreError) {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.logged.retain(|(_, at)| now < *at + LOGGED_EVERY);
        if !state.logged.iter().any(|(logged, _)| *logged == operation) {
            state.logged.push((operation, now));
            drop(state);
            observe::store_call_failed(operation, &error.to_string());
        }
    }

    fn report(&self, guard: Guard, error: Option<&StoreError>) {
        let mut state = self.state.lock();
        let was_open = state.is_open();
        let breaker = state.breaker(guard);
        match error {
            None => *breaker = Breaker::default(),
            Some(_) => breaker.failed(),
        }
        let is_open = state.is_open();
        drop(state);
        match error {
            Some(error) if is_open && !was_open => {
                observe::store_unavailable(&error.to_string(), error.is_of_setup());
            }
            None if was_open && !is_open => observe::store_available(),
            _ => {}
        }
    }
}

impl State {
    fn breaker(&mut self, guard: Guard) -> &mut Breaker {
        match guard {
            Guard::Calls => &mut self.calls,
            Guard::Takes => &mut self.takes,
        }
    }

    fn is_open(&self) -> bool {
        self.calls.open.is_some() || self.takes.open.is_some()
    }
}

impl Breaker {
    /// When its time has passed, one call passes and moves the end for the others.
    fn admits(&mut self) -> bool {
        let Some(open) = &mut self.open else {
            return true;
        };
        let now = Instant::now();
        let is_over = open.until <= now;
        if is_over {
            open.lasts = (open.lasts * 2).min(LONGEST);
            open.until = now + open.lasts;
        }
        is_over
    }

    fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        if self.failures == FAILURES && self.open.is_none() {
            self.open = Some(Open {
                until: Instant::now() + FIRST,
                lasts: FIRST,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use obo_core::fleet::{KeyRing, Revoked, RingKey};
    use obo_core::{Issuer, Secret, UnixTime};
    use tokio::time::sleep;

    use super::*;
    use crate::fleet::{Fleet, InProcess};

    const DEADLINE: Duration = Duration::from_millis(25);

    /// A call that takes so long.
    fn lasts(milliseconds: u64) -> impl FnOnce() -> StoreFuture<'static, ()> {
        move || {
            Box::pin(async move {
                sleep(Duration::from_millis(milliseconds)).await;
                Ok(())
            })
        }
    }

    async fn is_called(link: &Link) -> bool {
        let mut is_called = false;
        let call = || -> StoreFuture<'static, ()> {
            is_called = true;
            Box::pin(std::future::ready(Err(StoreError::new("fails"))))
        };
        link.call("get", call).await.unwrap_err();
        is_called
    }

    #[tokio::test(start_paused = true)]
    async fn slow_store_serves_patient_calls() {
        let link = Link::new(DEADLINE, None);
        for _ in 0..100 {
            // Too slow for these, which take all that the breaker admits.
            link.call("get", lasts(40)).await.unwrap_err();
            link.take(lasts(40)).await.unwrap();
            link.append(lasts(40)).await.unwrap();
            let read = link.call_within(DEADLINE * 80, "read", lasts(1900));
            read.await.unwrap();
            for _ in 0..3 {
                link.call("put", lasts(40)).await.unwrap_err();
            }
            assert!(!is_called(&link).await, "a patient call closed the breaker");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn dead_store_refuses_takes_at_once() {
        let link = Link::new(DEADLINE, None);
        for _ in 0..FAILURES {
            link.take(lasts(300)).await.unwrap_err();
        }
        let start = Instant::now();
        let error = link.take(lasts(300)).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(error.to_string().contains("failed lately"), "{error}");
        assert!(is_called(&link).await);
        // A logout is still tried.
        link.append(lasts(100)).await.unwrap();
        sleep(LONGEST).await;
        link.take(lasts(200)).await.unwrap();
        link.take(lasts(200)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn failed_appends_refuse_no_take() {
        let link = Link::new(DEADLINE, None);
        for _ in 0..10 {
            link.append(lasts(300)).await.unwrap_err();
        }
        link.take(lasts(0)).await.unwrap();
        link.call("get", lasts(0)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn failed_lookups_refuse_no_logout() {
        let key = RingKey::parse("k1", &Secret::new("A".repeat(43))).unwrap();
        let ring = KeyRing::new([key]).unwrap();
        let fleet = Fleet::builder().store(InProcess::new(), ring);
        let fleet = fleet.build().unwrap();
        while is_called(&fleet.0.link).await {}
        let issuer = Issuer::new("https://idp.example.com").unwrap();
        let alice = Revoked::Subject("alice".to_owned());
        let until = UnixTime::from_secs(1);
        fleet.start().await.unwrap();
        fleet.revoke(&issuer, alice, until).await.unwrap();
        assert!(fleet.take_once("idp", "1", DEADLINE).await.unwrap());
        assert!(!is_called(&fleet.0.link).await);
    }
}
