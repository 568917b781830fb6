//! Several attempts at one exchange: only for what may pass, within one deadline, and never against the server's wish.

use std::time::Duration;

use obo_core::{ErrorClass, Grant, IssuedToken, TokenEndpointError};
use tokio::time::{Instant, sleep, timeout_at};

use super::token_endpoint::TokenEndpoint;
use super::wanted::Wanted;
use crate::idp::admission::{Admission, Asker};
use crate::idp::endpoint::Reached;
use crate::outbound::error::ExchangeError;
use crate::random;

/// How often a failure that may pass is tried again (TE-08).
const RETRIES: u32 = 2;
/// The longest wait before the first retry; it doubles with the next.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

impl TokenEndpoint {
    /// Asks, with retries; discovery and a client authentication that hangs are in its deadline too.
    pub(super) async fn ask(
        &self,
        wanted: &Wanted,
        asker: Asker,
        deadline: Instant,
    ) -> Result<IssuedToken, ExchangeError> {
        let target = wanted.grant.target().map(|target| &**target);
        let answered = self.guarded(wanted, asker, deadline).await;
        answered.map_err(|error| match wanted.grant {
            Grant::Exchange(_) => ExchangeError::of_token_endpoint(target, error),
            Grant::ClientCredentials { .. } => ExchangeError::of_own_token(target, error),
        })
    }

    async fn guarded(
        &self,
        wanted: &Wanted,
        asker: Asker,
        deadline: Instant,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let reached = Reached::default();
        let exchange = async {
            let attempts = self.attempts(wanted, asker, deadline, &reached);
            let exchanged = timeout_at(deadline, attempts).await;
            exchanged.unwrap_or_else(|_| {
                let problem = format!("the exchange was not over within {:?}", self.deadline);
                Err(TokenEndpointError::new(ErrorClass::Transient, problem))
            })
        };
        let target = wanted.grant.target().map(|target| &**target);
        self.admission
            .guard(asker, target, &reached, exchange)
            .await
    }

    async fn attempts(
        &self,
        wanted: &Wanted,
        asker: Asker,
        deadline: Instant,
        reached: &Reached,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let mut retry = 0;
        loop {
            self.wait_out_pause(asker, deadline).await?;
            let error = match self.attempt(wanted, reached).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            if !matches!(error.class(), ErrorClass::Throttled | ErrorClass::Transient) {
                return Err(error);
            }
            self.admission.record_pause(asker, &error);
            let left = deadline - Instant::now();
            // An attempt that hung for half of the time is not worth the other half.
            if retry == RETRIES || left <= self.deadline / 2 || self.admission.pause(asker) > left {
                return Err(error);
            }
            sleep(backoff(retry)).await;
            retry += 1;
        }
    }

    /// Waits until the server may be asked again; fails at once where that is past the deadline.
    async fn wait_out_pause(
        &self,
        asker: Asker,
        deadline: Instant,
    ) -> Result<(), TokenEndpointError> {
        let pause = self.admission.pause(asker);
        if pause > deadline - Instant::now() {
            return Err(Admission::paused(pause));
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
