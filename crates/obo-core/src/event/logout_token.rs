//! Logout tokens: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.

use std::time::Duration;

use super::{EventError, Logout};
use crate::fleet::Revoked;
use crate::jose::jwk::VerificationKey;
use crate::time::UnixTime;
use crate::token::audience::Audience;
use crate::validate::claims::Claims;
use crate::validate::jwt::{Header, OtherKind, TokenTyp, UnverifiedJwt};
use crate::validate::policy::Policy;
use crate::wire::json;

/// The member of `events`. It starts with `http`, not `https`.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// For how long a token without `exp` is accepted, before leeway.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

impl Policy {
    /// Validates a logout token of this issuer for this audience, which is the client's identifier.
    ///
    /// - `typ` is `logout+jwt`, `JWT` or absent. Header extensions (`crit`) are rejected.
    /// - `iss`, `aud`, `iat`, `jti` and `events` are required, and `nonce` is forbidden.
    /// - It must not be expired. `exp` is optional here, because older servers omit it. Without it,
    ///   a token is accepted for ten minutes.
    /// - With a `sid` it revokes the tokens of that session, and with a `sub` alone those of the
    ///   user: the ones that were issued until its own `iat`.
    ///
    /// # Errors
    ///
    /// Returns the first rule that the token breaks. The signature is verified last.
    pub fn verify_logout_token(
        &self,
        jwt: &UnverifiedJwt<'_>,
        key: &VerificationKey,
        audience: &Audience,
        now: UnixTime,
    ) -> Result<Logout, EventError> {
        check_type(&jwt.jws.header)?;
        let claims = &jwt.claims;
        let common = self.check_event(claims, audience, now)?;
        let ends = common.issued_at.saturating_add(MAX_AGE);
        if claims.exp.is_none() && self.is_past(ends, now) {
            return Err(EventError::TooOld);
        }
        check_events(common.events)?;
        if claims.payload.value("nonce").is_some() {
            return Err(EventError::Nonce);
        }
        let of = revoked(claims)?;
        self.check_signature(jwt, key)?;
        Ok(Logout {
            issuer: self.issuer().clone(),
            jti: common.jti.to_owned(),
            of,
            until: common.issued_at,
        })
    }
}

fn check_type(header: &Header) -> Result<(), EventError> {
    let is_logout = header.other_kind == Some(OtherKind::Logout);
    if is_logout || matches!(header.typ, Some(TokenTyp::Jwt | TokenTyp::Absent)) {
        return Ok(());
    }
    Err(EventError::Type {
        expected: "logout+jwt, JWT or none",
        seen: header.seen_typ(),
    })
}

fn check_events(events: &str) -> Result<(), EventError> {
    let mut event = None;
    let read = json::members(events, |name, value| {
        if name == EVENT {
            event = Some(value);
        }
    });
    read.ok_or(EventError::Malformed("events"))?;
    let event = event.ok_or(EventError::OtherEvent)?;
    match json::members(event, |_, _| {}) {
        Some(()) => Ok(()),
        None => Err(EventError::Malformed("events")),
    }
}

fn revoked(claims: &Claims) -> Result<Revoked, EventError> {
    let subject = claims.sub().map(|sub| Revoked::Subject(sub.to_owned()));
    match claims.payload.value("sid") {
        Some(sid) => {
            let sid = json::non_empty(sid).ok_or(EventError::Malformed("sid"))?;
            Ok(Revoked::Session(sid.into_owned()))
        }
        None => subject.ok_or(EventError::NoSubject),
    }
}
