//! OpenID Connect Core section 9:
//! <https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication>, and RFC 7523
//! section 2.2, as draft-ietf-oauth-rfc7523bis updates it.

use std::path::PathBuf;

use obo_core::{ConfigError, MacAlgorithm, Secret, TokenRequest, compact_jws, mac_signature};

use super::assertion::{self, OwnAssertion, misconfigured};
use super::client_secret::ClientSecret;
use super::{Attempt, Authenticating, ClientAuth};

/// `client_secret_jwt`: an assertion with a MAC by the client secret, which is not sent itself.
///
/// ```
/// use obo::Client;
/// use obo::client::{ClientSecretJwt, MacAlgorithm};
///
/// let secret = ClientSecretJwt::from_file(MacAlgorithm::Hs256, "/run/secrets/idp");
/// let client = Client::new("service-a", secret);
/// ```
///
/// It is new for each attempt, valid for a minute, and addressed to the authorization server's
/// issuer identifier alone. The server must store the secret in the clear; prefer
/// [`PrivateKeyJwt`](super::PrivateKeyJwt).
#[derive(Clone, Debug)]
pub struct ClientSecretJwt {
    secret: ClientSecret,
    algorithm: MacAlgorithm,
    assertion: OwnAssertion,
}

impl ClientSecretJwt {
    /// Authenticates with this secret, under one algorithm.
    ///
    /// It needs as many bytes as the algorithm's hash (RFC 7518 section 3.2): 32 for HS256, 48 for
    /// HS384, 64 for HS512.
    pub fn new(algorithm: MacAlgorithm, secret: impl Into<Secret>) -> Self {
        Self::of(algorithm, ClientSecret::Fixed(secret.into()))
    }

    /// Authenticates with the content of the file, read for each attempt, without the newline at
    /// its end.
    ///
    /// The file must hold a secret that is long enough when the client is built into an exchange or
    /// server. If it does not later, the exchange fails as `ClientMisconfigured`.
    pub fn from_file(algorithm: MacAlgorithm, path: impl Into<PathBuf>) -> Self {
        Self::of(algorithm, ClientSecret::file(path))
    }

    fn of(algorithm: MacAlgorithm, secret: ClientSecret) -> Self {
        Self {
            secret,
            algorithm,
            assertion: OwnAssertion::new(algorithm.name()),
        }
    }

    /// Writes `typ: JWT` in the header, for servers that reject `client-authentication+jwt`.
    #[must_use]
    pub fn plain_typ(mut self) -> Self {
        self.assertion = self.assertion.with_plain_typ();
        self
    }

    /// Addresses assertions to the token endpoint's URL; see
    /// [the method of `PrivateKeyJwt`](super::PrivateKeyJwt::danger_audience_token_endpoint).
    #[must_use]
    pub fn danger_audience_token_endpoint(mut self) -> Self {
        self.assertion = self.assertion.for_token_endpoint();
        self
    }
}

fn too_short(algorithm: MacAlgorithm) -> String {
    let (name, least) = (algorithm.name(), algorithm.min_secret_len());
    format!(
        "is too short for {name}, which needs {least} bytes; have the server issue a longer one"
    )
}

impl ClientAuth for ClientSecretJwt {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        Box::pin(async move {
            let secret = self.secret.read().await?;
            let input = self
                .assertion
                .signing_input(&self.assertion.header, attempt)?;
            let mac = mac_signature(self.algorithm, &secret, input.as_bytes());
            let mac = mac.ok_or_else(|| {
                misconfigured(format!("the client secret {}", too_short(self.algorithm)))
            })?;
            request.push_public("client_id", attempt.client_id);
            let signed = compact_jws(&input, &mac);
            assertion::push(request, assertion::JWT_BEARER, signed.expose());
            Ok(())
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.secret.check()?;
        match self.secret.read_now()?.expose().len() < self.algorithm.min_secret_len() {
            true => Err(ConfigError::new("client_secret", too_short(self.algorithm))),
            false => Ok(()),
        }
    }
}
