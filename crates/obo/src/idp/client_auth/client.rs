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
    /// What it is given to, such as a [`TokenExchange`](crate::TokenExchange), checks it when that is built.
    pub fn new(id: impl Into<Arc<str>>, auth: impl ClientAuth) -> Self {
        let auth: Arc<dyn ClientAuth> = Arc::new(auth);
        Self {
            id: id.into(),
            auth: Arc::new(ArcSwap::from_pointee(auth)),
        }
    }

    /// Finds what is wrong with the identifier or the credentials; reads files, so it may block.
    ///
    /// # Errors
    ///
    /// Fails if the identifier is empty, or the credentials are not usable ([`ClientAuth::check`]).
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.id.is_empty() {
            let problem = "is empty; give the identifier this service is registered under";
            return Err(ConfigError::new("client_id", problem));
        }
        self.auth().check()
    }

    /// The client identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Authenticates in another way from the next attempt on, as with a new key; by the same method or another one.
    ///
    /// Cached tokens stay: they were issued to this client, whatever it authenticates by.
    ///
    /// # Errors
    ///
    /// Fails if the new credentials are not usable; the client keeps the ones it has.
    pub fn replace_auth(&self, auth: impl ClientAuth) -> Result<(), ConfigError> {
        auth.check()?;
        self.auth.store(Arc::new(Arc::new(auth)));
        Ok(())
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
