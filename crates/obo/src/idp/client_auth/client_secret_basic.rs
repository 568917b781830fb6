//! RFC 6749 section 2.3.1: <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>.

use std::path::PathBuf;

use obo_core::{ConfigError, Secret, TokenRequest};

use super::client_secret::ClientSecret;
use super::{Attempt, Authenticating, ClientAuth};

/// `client_secret_basic`: identifier and secret, each form-encoded, in an `Authorization: Basic`
/// header.
///
/// ```
/// use obo::{Client, ClientSecretBasic};
///
/// // Read for each attempt, so a new secret needs no restart.
/// let client = Client::new("service-a", ClientSecretBasic::from_file("/run/secrets/idp"));
/// ```
#[derive(Clone, Debug)]
pub struct ClientSecretBasic(ClientSecret);

impl ClientSecretBasic {
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

impl ClientAuth for ClientSecretBasic {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        Box::pin(async move {
            request.set_basic(attempt.client_id, &*self.0.read().await?);
            Ok(())
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.0.check()
    }
}
