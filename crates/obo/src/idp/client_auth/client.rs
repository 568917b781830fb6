use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use obo_core::ConfigError;

use super::ClientAuth;

/// Who this service is at the authorization server: its `client_id` and its client authentication
/// method.
///
/// ```
/// use obo::Client;
/// use obo::client::ClientSecretPost;
///
/// let client = Client::new("service-a", ClientSecretPost::from_file("/run/secrets/idp"));
/// // The same client with another credential, for all clones.
/// client.replace_auth(ClientSecretPost::new("s3cret"))?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
///
/// Clones are one client: a credential that is [replaced](Self::replace_auth) is replaced for all
/// of them.
#[derive(Clone)]
pub struct Client {
    id: Arc<str>,
    auth: Arc<ArcSwap<Arc<dyn ClientAuth>>>,
}

impl Client {
    /// A client with this identifier and method.
    ///
    /// It is checked when it is built into an exchange or server, such as a
    /// [`TokenExchange`](crate::TokenExchange).
    pub fn new(id: impl Into<Arc<str>>, auth: impl ClientAuth) -> Self {
        let auth: Arc<dyn ClientAuth> = Arc::new(auth);
        Self {
            id: id.into(),
            auth: Arc::new(ArcSwap::from_pointee(auth)),
        }
    }

    /// Checks the identifier and the credentials. It reads files, so it may block.
    ///
    /// # Errors
    ///
    /// Fails if the identifier is empty, or the credentials are not usable ([`ClientAuth::check`]).
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.id.is_empty() {
            let problem = "is empty; set the identifier that this service is registered under";
            return Err(ConfigError::new("client_id", problem));
        }
        self.auth().check()
    }

    /// Returns the client identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Replaces the credential, of the same method or another one, from the next attempt on.
    ///
    /// Cached tokens stay: they were issued to this client, whatever its credential was.
    ///
    /// # Errors
    ///
    /// Fails if the new credential is not usable; the old one stays in use then.
    pub fn replace_auth(&self, auth: impl ClientAuth) -> Result<(), ConfigError> {
        auth.check()?;
        self.auth.store(Arc::new(Arc::new(auth)));
        Ok(())
    }

    /// The credential of one attempt, from the choice of the endpoint on.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idp::client_auth::ClientSecretPost;

    #[test]
    fn debug_shows_no_secret() {
        let client = Client::new("service-a", ClientSecretPost::new("s3cret"));
        let text = format!("{client:?}");
        assert!(
            text.starts_with("Client { id: \"service-a\", auth: ClientSecretPost"),
            "{text}"
        );
        assert!(
            !text.contains("s3cret") && !text.contains("ArcSwap"),
            "{text}"
        );
    }
}
