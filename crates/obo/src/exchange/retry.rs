//! Several attempts at one exchange: only for what may pass, within one deadline, and never against the server's wish.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::ask::Ask;
use super::cache::SubjectId;
use super::token_endpoint::{Reached, TokenEndpoint};
use crate::{ErrorClass, ExchangeError, IssuedToken, TokenEndpointError, random};

/// How often a failure that may pass is tried again (TE-08).
const RETRIES: u32 = 2;
/// The longest wait before the first retry; it doubles with the next.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// How long a server that throttles without saying so is left alone.
const UNSTATED_PAUSE: Duration = Duration::from_secs(1);

impl TokenEndpoint {
    /// Asks, with retries; discovery and a client authentication that hangs are in its deadline too.
    pub(super) async fn ask(
        &self,
        ask: &Ask,
        subject: SubjectId,
        deadline: Instant,
    ) -> Result<IssuedToken, ExchangeError> {
        let target = ask.target().map(|target| &**target);
        let answered = self.guarded(ask, subject, deadline).await;
        answered.map_err(|error| match ask {
            Ask::Exchange(_) => ExchangeError::of_token_endpoint(target, error),
            Ask::Own(_) => ExchangeError::of_own_token(target, error),
        })
    }

    async fn guarded(
        &self,
        ask: &Ask,
        subject: SubjectId,
        deadline: Instant,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let pass = self.breaker.pass(subject).map_err(|left| {
            let problem = "the authorization server kept failing and is left alone for a moment";
            TokenEndpointError::new(ErrorClass::Transient, problem).with_retry_after(Some(left))
        })?;
        let mut reached = Reached::default();
        let exchanged = timeout_at(deadline, self.attempts(ask, deadline, &mut reached)).await;
        let exchanged = exchanged.unwrap_or_else(|_| {
            let problem = format!("the exchange was not over within {:?}", self.deadline);
            Err(TokenEndpointError::new(ErrorClass::Transient, problem))
        });
        match exchanged.as_ref().map_err(TokenEndpointError::class) {
            // What ended before the server was asked tells nothing of it.
            _ if !reached.server => drop(pass),
            Err(ErrorClass::Transient) => pass.failed(),
            Err(ErrorClass::Throttled) => drop(pass),
            _ => pass.answered(),
        }
        exchanged
    }

    async fn attempts(
        &self,
        ask: &Ask,
        deadline: Instant,
        reached: &mut Reached,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let mut retry = 0;
        loop {
            self.wait_out_pause(deadline).await?;
            let error = match self.attempt(ask, reached).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            let asked = error.retry_after();
            match error.class() {
                ErrorClass::Throttled => self.pause.extend(asked.unwrap_or(UNSTATED_PAUSE)),
                ErrorClass::Transient => self.pause.extend(asked.unwrap_or_default()),
                _ => return Err(error),
            }
            let left = deadline - Instant::now();
            // An attempt that hung for half of the time is not worth the other half.
            if retry == RETRIES || left <= self.deadline / 2 || self.pause.remaining() > left {
                return Err(error);
            }
            sleep(backoff(retry)).await;
            retry += 1;
        }
    }

    /// Waits until the server may be asked again; fails at once where that is past the deadline.
    async fn wait_out_pause(&self, deadline: Instant) -> Result<(), TokenEndpointError> {
        let pause = self.pause.remaining();
        if pause > deadline - Instant::now() {
            let problem = "the authorization server asked to be left alone";
            let error = TokenEndpointError::new(ErrorClass::Throttled, problem);
            return Err(error.with_retry_after(Some(pause)));
        }
        if !pause.is_zero() {
            // Those who waited for the same moment do not come back at it together.
            sleep(pause + backoff(0)).await;
        }
        Ok(())
    }
}

/// Between nothing and the longest wait, so that those who failed together do not come back together.
fn backoff(retry: u32) -> Duration {
    (FIRST_BACKOFF * 2_u32.pow(retry)).mul_f64(random::fraction())
}
