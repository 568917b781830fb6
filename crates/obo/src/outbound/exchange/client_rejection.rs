use std::sync::Arc;
use std::time::Duration;

use obo_core::TokenEndpointError;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::cache::SETUP;
use crate::idp::client_auth::ClientAuth;

/// For how long a token that was issued to this client speaks against a rejection of the client as such.
const GRACE: Duration = Duration::from_secs(10);

/// The server's rejection of our own credential: it holds for all exchanges for a moment, as each would be rejected.
#[derive(Debug, Default)]
pub(super) struct ClientRejection(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    issued_at: Option<Instant>,
    /// Whose request was rejected last, since a token was issued.
    rejected_for: Option<u64>,
    rejected: Option<Rejected>,
}

#[derive(Debug)]
struct Rejected {
    until: Instant,
    /// Another credential may be accepted.
    credential: Arc<dyn ClientAuth>,
    error: TokenEndpointError,
}

impl ClientRejection {
    pub(super) fn issued(&self) {
        let mut state = self.0.lock();
        state.issued_at = Some(Instant::now());
        state.rejected_for = None;
        state.rejected = None;
    }

    /// Records a rejection. Whether it is of the client: it is of this one request if the client was issued a token just
    /// before, or if the same subject was rejected last, who must not hold up all others again and again.
    pub(super) fn record(
        &self,
        credential: Arc<dyn ClientAuth>,
        subject: u64,
        error: &TokenEndpointError,
    ) -> bool {
        let mut state = self.0.lock();
        let is_repeated = state.rejected_for.replace(subject) == Some(subject);
        let is_of_client = !is_repeated && state.issued_at.is_none_or(|at| at.elapsed() >= GRACE);
        if is_of_client {
            state.rejected = Some(Rejected {
                until: Instant::now() + SETUP,
                credential,
                error: error.clone(),
            });
        }
        is_of_client
    }

    /// The rejection that this credential would meet again.
    pub(super) fn of(&self, credential: &Arc<dyn ClientAuth>) -> Option<TokenEndpointError> {
        let state = self.0.lock();
        let rejected = state.rejected.as_ref()?;
        let holds =
            Instant::now() < rejected.until && Arc::ptr_eq(&rejected.credential, credential);
        holds.then(|| rejected.error.clone())
    }
}
