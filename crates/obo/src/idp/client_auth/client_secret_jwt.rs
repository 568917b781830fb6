//! OpenID Connect Core section 9: <https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication>, and
//! RFC 7523 section 2.2, as draft-ietf-oauth-rfc7523bis updates it.

use std::path::PathBuf;

use obo_core::{ConfigError, MacAlgorithm, Secret, TokenRequest, compact_jws, mac_signature};

use super::assertion::{self, OwnAssertion, misconfigured};
use super::client_secret::ClientSecret;
use super::{Attempt, Authenticating, ClientAuth};

/// `client_secret_jwt`: an assertion under a MAC by the client secret, which so is not sent itself.
///
/// New for each attempt and good for a minute, addressed to the authorization server's issuer identifier alone. The
/// server must store the secret as it is; prefer [`PrivateKeyJwt`](super::PrivateKeyJwt).
#[derive(Clone, Debug)]
pub struct ClientSecretJwt {
    secret: ClientSecret,
    algorithm: MacAlgorithm,
    assertion: OwnAssertion,
}

impl ClientSecretJwt {
    /// Authenticates by this secret, under one algorithm.
    ///
    /// It must have as many bytes as the algorithm's hash (RFC 7518 section 3.2): 32 for HS256, 48 for HS384, 64 for HS512.
    pub fn new(algorithm: MacAlgorithm, secret: impl Into<Secret>) -> Self {
        Self::of(algorithm, ClientSecret::Fixed(secret.into()))
    }

    /// Authenticates by the secret that the file holds at the time of each attempt, without the newline at its end.
    ///
    /// The file has to hold one that is long enough when what the client is for is built. If it does not later, the exchange
    /// fails as `ClientMisconfigured`.
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

    /// Writes `typ: JWT` in the header, for servers that do not tolerate `client-authentication+jwt`.
    #[must_use]
    pub fn plain_typ(mut self) -> Self {
        self.assertion = self.assertion.with_plain_typ();
        self
    }

    /// Addresses assertions to the token endpoint's URL; see
    /// [`PrivateKeyJwt::danger_audience_token_endpoint`](super::PrivateKeyJwt::danger_audience_token_endpoint).
    #[must_use]
    pub fn danger_audience_token_endpoint(mut self) -> Self {
        self.assertion = self.assertion.for_token_endpoint();
        self
    }
}

fn too_short(algorithm: MacAlgorithm) -> String {
    let (name, least) = (algorithm.name(), algorithm.min_secret_len());
    format!("is too short for {name}, which needs {least} bytes; have the server make a longer one")
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
