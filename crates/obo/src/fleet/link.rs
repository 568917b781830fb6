//! Calls of the store, each with a deadline and through a circuit breaker.

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
    failures: u32,
    open: Option<Open>,
    /// The operations whose failure was logged, and when.
    logged: Vec<(&'static str, Instant)>,
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

    /// Waits for a call until the deadline. Fails at once while the breaker is open.
    pub(super) async fn call<'s, T: 's>(
        &self,
        operation: &'static str,
        call: impl FnOnce() -> StoreFuture<'s, T>,
    ) -> Result<T, StoreError> {
        self.call_within(self.deadline, operation, call).await
    }

    /// As [`call`](Self::call), with ten times the deadline: for what must happen once, where a
    /// failure refuses a request.
    pub(super) async fn call_patiently<'s, T: 's>(
        &self,
        operation: &'static str,
        call: impl FnOnce() -> StoreFuture<'s, T>,
    ) -> Result<T, StoreError> {
        self.call_within(self.deadline * PATIENCE, operation, call)
            .await
    }

    /// As [`call`](Self::call), with another deadline.
    pub(super) async fn call_within<'s, T: 's>(
        &self,
        deadline: Duration,
        operation: &'static str,
        call: impl FnOnce() -> StoreFuture<'s, T>,
    ) -> Result<T, StoreError> {
        if !self.admits() {
            observe::store_call(operation, "open");
            return Err(self.error("failed lately and is not called now"));
        }
        let (code, outcome) = match timeout(deadline, call()).await {
            Ok(Ok(value)) => ("ok", Ok(value)),
            Ok(Err(error)) => ("error", Err(error)),
            Err(_) => {
                let problem = format!("did not respond within {deadline:?}");
                ("timeout", Err(self.error(&problem)))
            }
        };
        observe::store_call(operation, code);
        self.report(operation, outcome.as_ref().err());
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

    /// When the breaker's time has passed, one call passes and moves the end for the others.
    fn admits(&self) -> bool {
        let mut state = self.state.lock();
        let Some(open) = &mut state.open else {
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

    fn report(&self, operation: &'static str, error: Option<&StoreError>) {
        let mut state = self.state.lock();
        let Some(error) = error else {
            state.failures = 0;
            if state.open.take().is_some() {
                observe::store_available();
            }
            return;
        };
        // A full store fails at each write, and a lookup in between ends the row of failures.
        let now = Instant::now();
        state.logged.retain(|(_, at)| now < *at + LOGGED_EVERY);
        if !state.logged.iter().any(|(logged, _)| *logged == operation) {
            state.logged.push((operation, now));
            observe::store_call_failed(operation, &error.to_string());
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures == FAILURES && state.open.is_none() {
            state.open = Some(Open {
                until: Instant::now() + FIRST,
                lasts: FIRST,
            });
            observe::store_unavailable(&error.to_string(), error.is_of_setup());
        }
    }
}
