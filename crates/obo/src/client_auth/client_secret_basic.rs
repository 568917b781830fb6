//! RFC 6749 section 2.3.1: <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>.

use std::future::ready;

use super::{Attempt, Authenticating, ClientAuth};
use crate::{ConfigError, Secret, TokenRequest};

/// `client_secret_basic`: identifier and secret, each form-encoded, in an `Authorization: Basic` header.
#[derive(Clone, Debug)]
pub struct ClientSecretBasic(Secret);

impl ClientSecretBasic {
    /// Authenticates by this secret.
    ///
    /// # Errors
    ///
    /// When it is empty.
    pub fn new(secret: impl Into<Secret>) -> Result<Self, ConfigError> {
        not_empty(secret.into()).map(Self)
    }
}

/// The secret, which is nothing without a byte.
pub(super) fn not_empty(secret: Secret) -> Result<Secret, ConfigError> {
    if secret.expose().is_empty() {
        return Err(ConfigError::new(
            "client_secret",
            "is empty; was the variable or the file it comes from set?",
        ));
    }
    Ok(secret)
}

impl ClientAuth for ClientSecretBasic {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        request.set_basic(attempt.client_id, &self.0);
        Box::pin(ready(Ok(())))
    }
}
