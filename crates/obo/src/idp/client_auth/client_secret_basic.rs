//! RFC 6749 section 2.3.1: <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>.

use std::path::PathBuf;

use obo_core::{ConfigError, Secret, TokenRequest};

use super::client_secret::ClientSecret;
use super::{Attempt, Authenticating, ClientAuth};

/// `client_secret_basic`: identifier and secret, each form-encoded, in an `Authorization: Basic` header.
#[derive(Clone, Debug)]
pub struct ClientSecretBasic(ClientSecret);

impl ClientSecretBasic {
    /// Authenticates by this secret.
    ///
    /// # Errors
    ///
    /// When it is empty.
    pub fn new(secret: impl Into<Secret>) -> Result<Self, ConfigError> {
        ClientSecret::fixed(secret.into()).map(Self)
    }

    /// Authenticates by the secret that the file holds at the time of each attempt, without the newline at its end: a
    /// secret that is replaced in the file needs no restart.
    ///
    /// # Errors
    ///
    /// When the file cannot be read now or is empty. Later that is a failure of the exchange, `ClientMisconfigured`.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        ClientSecret::file(path).map(Self)
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
}
