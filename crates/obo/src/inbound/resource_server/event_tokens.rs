//! Validation of tokens about events: the issuers and keys are those of access tokens.

use obo_core::event::EventError;
use obo_core::{Policy, TokenError, UnixTime, UnverifiedJwt, VerificationKey};

use super::ResourceServer;
use crate::idp::jwks::{Lookup, RefreshError};

/// Why a token about an event is not verified.
pub(crate) enum Unverified {
    Refused(EventError),
    NoKeys(RefreshError),
}

impl From<TokenError> for Unverified {
    fn from(error: TokenError) -> Self {
        Self::Refused(error.into())
    }
}

impl ResourceServer {
    /// Verifies a token with a key of its issuer. A token of an unknown issuer or with a forbidden
    /// algorithm never reaches the keys.
    ///
    /// As for an access token, the keys are fetched again at most once: for an unknown key, or if
    /// the issuer may have replaced the key under the same `kid`.
    pub(crate) async fn verify_event<T>(
        &self,
        jwt: &UnverifiedJwt<'_>,
        verify: impl Fn(&Policy, &VerificationKey, UnixTime) -> Result<T, EventError>,
    ) -> Result<T, Unverified> {
        let missing = || Unverified::Refused(EventError::Missing("iss"));
        let issuer = jwt.issuer().ok_or_else(missing)?;
        let trusted = self.0.find(issuer);
        let trusted = trusted.ok_or_else(|| self.unknown_issuer(issuer))?;
        let (jwks, policy) = (&trusted.jwks, &trusted.policy);
        let (kid, algorithm) = (jwt.kid(), jwt.algorithm());
        if !policy.allows(algorithm) {
            return Err(TokenError::Algorithm.into());
        }
        let doubt = |kid: Option<&str>, error: EventError, is_first: bool| {
            let is_about_key = matches!(
                error,
                EventError::Token(TokenError::Signature | TokenError::Algorithm)
            );
            let refresh = (is_first && is_about_key).then(|| jwks.doubt(kid));
            refresh.flatten().ok_or(Unverified::Refused(error))
        };
        let mut lookup = jwks.lookup(kid, algorithm);
        let mut is_first = true;
        loop {
            let refresh = match lookup {
                Lookup::Key(key, _) => match verify(policy, &key, self.wall_clock().now()) {
                    Ok(verified) => return Ok(verified),
                    Err(error) => doubt(key.kid(), error, is_first)?,
                },
                Lookup::Refused(error) => doubt(kid, error.into(), is_first)?,
                Lookup::Wait(refresh) => refresh,
                Lookup::Unavailable(error) => return Err(Unverified::NoKeys(error)),
            };
            lookup = jwks.lookup_after(kid, algorithm, refresh).await;
            is_first = false;
        }
    }
}
