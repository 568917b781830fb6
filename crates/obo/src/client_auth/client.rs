use std::fmt;
use std::sync::Arc;

use super::{Attempt, Authenticating, ClientAuth};
use crate::{ConfigError, TokenRequest};

/// Who this service is at the authorization server: its `client_id` and how it proves it.
#[derive(Clone)]
pub struct Client {
    id: Arc<str>,
    auth: Arc<dyn ClientAuth>,
}

impl Client {
    /// The client of that identifier.
    ///
    /// # Errors
    ///
    /// When the identifier is empty.
    pub fn new(id: impl Into<Arc<str>>, auth: impl ClientAuth) -> Result<Self, ConfigError> {
        Self::of(id.into(), Arc::new(auth))
    }

    pub(super) fn of(id: Arc<str>, auth: Arc<dyn ClientAuth>) -> Result<Self, ConfigError> {
        if id.is_empty() {
            return Err(ConfigError::new(
                "client_id",
                "is empty; give the identifier this service is registered under",
            ));
        }
        Ok(Self { id, auth })
    }

    /// The client identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        self.auth.authenticate(request, attempt)
    }

    pub(crate) fn uses_mutual_tls(&self) -> bool {
        self.auth.uses_mutual_tls()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("auth", &self.auth)
            .finish()
    }
}
