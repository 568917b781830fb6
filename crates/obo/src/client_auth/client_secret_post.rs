//! RFC 6749 section 2.3.1: <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>.

use std::future::ready;

use super::client_secret_basic::not_empty;
use super::{Attempt, Authenticating, ClientAuth};
use crate::{ConfigError, Secret, TokenRequest};

/// `client_secret_post`: identifier and secret in the form, for servers without `client_secret_basic`.
#[derive(Clone, Debug)]
pub struct ClientSecretPost(Secret);

impl ClientSecretPost {
    /// Authenticates by this secret.
    ///
    /// # Errors
    ///
    /// When it is empty.
    pub fn new(secret: impl Into<Secret>) -> Result<Self, ConfigError> {
        not_empty(secret.into()).map(Self)
    }
}

impl ClientAuth for ClientSecretPost {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        request.push("client_id", attempt.client_id);
        request.push("client_secret", self.0.expose());
        Box::pin(ready(Ok(())))
    }
}
