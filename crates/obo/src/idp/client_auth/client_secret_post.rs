//! RFC 6749 section 2.3.1: <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>.

use std::path::PathBuf;

use obo_core::{ConfigError, Secret, TokenRequest};

use super::client_secret::ClientSecret;
use super::{Attempt, Authenticating, ClientAuth};

/// `client_secret_post`: identifier and secret in the form, for servers without
/// `client_secret_basic`.
///
/// ```
/// use obo::Client;
/// use obo::client::ClientSecretPost;
///
/// // Read for each attempt, so a new secret needs no restart.
/// let client = Client::new("service-a", ClientSecretPost::from_file("/run/secrets/idp"));
/// ```
#[derive(Clone, Debug)]
pub struct ClientSecretPost(ClientSecret);

impl ClientSecretPost {
    /// Authenticates with this secret, which must not be empty.
    pub fn new(secret: impl Into<Secret>) -> Self {
        Self(ClientSecret::Fixed(secret.into()))
    }

    /// Authenticates with the content of the file, read for each attempt, without the newline at
    /// its end: a secret that is replaced in the file needs no restart.
    ///
    /// The file must exist when the client is built into an exchange or server. If it is unreadable
    /// or empty later, the exchange fails as `ClientMisconfigured`.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self(ClientSecret::file(path))
    }
}

impl ClientAuth for ClientSecretPost {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        Box::pin(async move {
            let secret = self.0.read().await?;
            request.push_public("client_id", attempt.client_id);
            request.push("client_secret", secret.expose());
            Ok(())
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.0.check()
    }
}
