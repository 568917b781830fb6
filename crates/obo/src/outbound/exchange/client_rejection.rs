use std::sync::Arc;
use std::time::Duration;

use obo_core::TokenEndpointError;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::cache::SETUP;
use crate::idp::client_auth::ClientAuth;

/// For this long after the client was issued a token, a rejection is not taken as one of the
/// client.
const GRACE: Duration = Duration::from_secs(10);

/// The server's rejection of our own credential. It holds for all exchanges for a moment, since
/// each would be rejected.
#[derive(Debug, Default)]
pub(super) struct ClientRejection(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    issued_at: Option<Instant>,
    /// The subject whose request was rejected last, since a token was issued.
    rejected_for: Option<u64>,
    rejected: Option<Rejected>,
}

#[derive(Debug)]
struct Rejected {
    until: Instant,
    /// The rejection holds for this credential alone.
    credential: Arc<dyn ClientAuth>,
    error: TokenEndpointError,
}

impl ClientRejection {
    pub(super) fn issued(&self) {
        let mut state = self.0.lock();
        state.issued_at = Some(Instant::now());
        state.rejected_for = None;
        // A credential is of the application's type.
        let rejected = state.rejected.take();
        drop(state);
        drop(rejected);
    }

    /// Records a rejection; returns whether it is of the client. It is of this one request if the
    /// client was issued a token just before, or if the same subject was rejected last: one subject
    /// must not block all others again and again.
    pub(super) fn record(
        &self,
        credential: Arc<dyn ClientAuth>,
        subject: u64,
        error: &TokenEndpointError,
    ) -> bool {
        let mut state = self.0.lock();
        let is_repeated = state.rejected_for.replace(subject) == Some(subject);
        let is_of_client = !is_repeated && state.issued_at.is_none_or(|at| at.elapsed() >= GRACE);
        let mut before = None;
        if is_of_client {
            before = state.rejected.replace(Rejected {
                until: Instant::now() + SETUP,
                credential,
                error: error.clone(),
            });
        }
        drop(state);
        drop(before);
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
