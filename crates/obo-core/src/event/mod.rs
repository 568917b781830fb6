//! Tokens that tell of a logout: logout tokens (OpenID Connect Back-Channel Logout 1.0) and
//! security event tokens (RFC 8417) of the CAEP and RISC profiles.
//!
//! [`UnverifiedJwt::parse`](crate::UnverifiedJwt::parse) reads both. Its issuer selects the
//! [`Policy`], and [`Policy::verify_logout_token`] or [`Policy::verify_security_event`] validates
//! it. The receiver must use each [`Logout::jti`] only once.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not revoke tokens"
)]

mod error;
mod logout_token;
mod security_event;
mod subject;

pub use error::EventError;

use crate::error::TokenError;
use crate::fleet::Revoked;
use crate::jose::jwk::VerificationKey;
use crate::time::UnixTime;
use crate::token::audience::Audience;
use crate::token::issuer::Issuer;
use crate::validate::claims::Claims;
use crate::validate::jwt::UnverifiedJwt;
use crate::validate::policy::Policy;
use crate::wire::json::OneOrMany;
use crate::wire::seen::all_seen;

/// The tokens of a user or a session are revoked, says their issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logout {
    /// The issuer, of the message and of the tokens.
    pub issuer: Issuer,
    /// The identifier of the message. It is unique within the issuer.
    pub jti: String,
    /// The user or the session.
    pub of: Revoked,
    /// Tokens that were issued until then are revoked.
    pub until: UnixTime,
}

/// What both kinds of token must have.
struct Common<'c> {
    jti: &'c str,
    issued_at: UnixTime,
    /// The JSON text of `events`.
    events: &'c str,
}

impl Policy {
    /// Checks the issuer, the audience and the required claims, and that the token is not from the
    /// future or expired.
    fn check_event<'c>(
        &self,
        claims: &'c Claims,
        audience: &Audience,
        now: UnixTime,
    ) -> Result<Common<'c>, EventError> {
        self.check_issuer(claims)?;
        let aud = claims.aud.as_ref().ok_or(EventError::Missing("aud"))?;
        if !aud.iter().any(|aud| aud == audience.as_str()) {
            return Err(elsewhere(aud, audience));
        }
        let issued_at = claims.iat.ok_or(EventError::Missing("iat"))?;
        self.check_issued(claims, now)?;
        self.check_not_before(claims, now)?;
        if let Some(expires_at) = claims.exp {
            self.check_expires(expires_at, now)?;
        }
        let jti = claims.jti().ok_or(EventError::Missing("jti"))?;
        let events = claims.payload.value("events");
        let events = events.ok_or(EventError::Missing("events"))?;
        Ok(Common {
            jti,
            issued_at,
            events,
        })
    }

    /// Checks the signature, last of all: nothing of a token is shown before.
    fn check_signature(
        &self,
        jwt: &UnverifiedJwt<'_>,
        key: &VerificationKey,
    ) -> Result<(), EventError> {
        let algorithm = jwt.algorithm();
        let key = key
            .for_algorithm(algorithm)
            .filter(|_| self.allows(algorithm));
        let key = key.ok_or(TokenError::Algorithm)?;
        match jwt.jws.is_signed_by(key) {
            true => Ok(()),
            false => Err(TokenError::Signature.into()),
        }
    }
}

fn elsewhere(aud: &OneOrMany, audience: &Audience) -> EventError {
    EventError::Audience {
        expected: audience.as_str().to_owned(),
        seen: all_seen(aud.iter()),
    }
}
