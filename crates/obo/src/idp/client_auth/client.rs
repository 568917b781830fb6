use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use obo_core::ConfigError;

use super::ClientAuth;

/// Who this service is at the authorization server: its `client_id` and how it proves it.
///
/// Clones are one client: a proof that is [replaced](Self::replace_auth) is replaced for all of them.
#[derive(Clone)]
pub struct Client {
    id: Arc<str>,
    auth: Arc<ArcSwap<Arc<dyn ClientAuth>>>,
}

impl Client {
    /// The client of that identifier.
    ///
    /// # Errors
    ///
    /// When the identifier is empty.
    pub fn new(id: impl Into<Arc<str>>, auth: impl ClientAuth) -> Result<Self, ConfigError> {
        let id = id.into();
        if id.is_empty() {
            return Err(ConfigError::new(
                "client_id",
                "is empty; give the identifier this service is registered under",
            ));
        }
        Ok(Self {
            id,
            auth: Arc::new(ArcSwap::from_pointee(Arc::new(auth) as Arc<dyn ClientAuth>)),
        })
    }

    /// The client identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Proves itself in another way from the next attempt on, as with a new key; by the same method or another one.
    ///
    /// Tokens at hand stay: they were issued to this client, whatever it proves itself by.
    pub fn replace_auth(&self, auth: impl ClientAuth) {
        self.auth.store(Arc::new(Arc::new(auth)));
    }

    /// What one attempt authenticates by, from the choice of the endpoint on.
    pub(crate) fn auth(&self) -> Arc<dyn ClientAuth> {
        Arc::clone(&self.auth.load())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("auth", &self.auth())
            .finish()
    }
}
