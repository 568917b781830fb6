//! OpenID Connect Core section 9 and RFC 7523 section 2.2, as draft-ietf-oauth-rfc7523bis updates it:
//! <https://www.rfc-editor.org/rfc/rfc7523>.

use std::fs;
use std::future::ready;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{Attempt, Authenticating, ClientAuth};
use crate::random;
use crate::{
    Algorithm, ConfigError, ErrorClass, Secret, SigningKey, TokenEndpointError, TokenRequest,
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const TYP: &str = "client-authentication+jwt";
const LIFETIME: Duration = Duration::from_secs(60);

/// `private_key_jwt`: an assertion signed with this service's own key, new for each attempt and good for a minute.
///
/// Its audience is the authorization server's issuer identifier and nothing else, so that no other server can use it.
#[derive(Clone, Debug)]
pub struct PrivateKeyJwt {
    key: SigningKey,
}

impl PrivateKeyJwt {
    /// Authenticates with this key.
    pub fn new(key: SigningKey) -> Self {
        Self { key }
    }

    /// Reads a private key in PEM form (PKCS#8) from a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds no such key; nothing of its content is quoted.
    pub fn from_pem_file(
        algorithm: Algorithm,
        path: impl AsRef<Path>,
        kid: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let pem = fs::read_to_string(path).map(Secret::new).map_err(|error| {
            let problem = format!("{} cannot be read: {error}", path.display());
            ConfigError::new("private_key", problem)
        })?;
        let key = SigningKey::from_pem(algorithm, &pem)?;
        Ok(Self::new(match kid {
            Some(kid) => key.with_kid(kid),
            None => key,
        }))
    }

    fn assertion(&self, attempt: Attempt<'_>) -> Option<Secret> {
        let claims = json!({
            "iss": attempt.client_id,
            "sub": attempt.client_id,
            "aud": attempt.server.as_str(),
            "iat": attempt.now.as_secs(),
            "exp": attempt.now.saturating_add(LIFETIME).as_secs(),
            "jti": random::token_id()?,
        });
        self.key.sign(Some(TYP), &claims)
    }
}

impl ClientAuth for PrivateKeyJwt {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        let authenticated = match self.assertion(attempt) {
            Some(assertion) => {
                request.push("client_assertion_type", ASSERTION_TYPE);
                request.push("client_assertion", assertion.expose());
                Ok(())
            }
            None => Err(TokenEndpointError::new(
                ErrorClass::ClientMisconfigured,
                "the client assertion could not be signed",
            )),
        };
        Box::pin(ready(authenticated))
    }
}
