//! Security event tokens: RFC 8417, with the events of CAEP 1.0 and RISC 1.0.

use super::subject::Subject;
use super::{Common, EventError, Logout};
use crate::jose::jwk::VerificationKey;
use crate::time::UnixTime;
use crate::token::audience::Audience;
use crate::validate::jwt::{OtherKind, UnverifiedJwt};
use crate::validate::policy::Policy;
use crate::wire::json;

macro_rules! caep {
    ($name:literal) => {
        concat!(
            "https://schemas.openid.net/secevent/caep/event-type/",
            $name
        )
    };
}

macro_rules! risc {
    ($name:literal) => {
        concat!(
            "https://schemas.openid.net/secevent/risc/event-type/",
            $name
        )
    };
}

/// The events that revoke tokens, and whether the session is enough if the subject names one.
const REVOKING: [(&str, bool); 6] = [
    (caep!("session-revoked"), true),
    (caep!("credential-change"), false),
    (caep!("token-claims-change"), false),
    (risc!("sessions-revoked"), false),
    (risc!("account-disabled"), false),
    (risc!("account-purged"), false),
];

/// An event that revokes tokens.
struct Revoking<'c> {
    is_of_session: bool,
    /// The JSON text of its members.
    event: &'c str,
}

impl Policy {
    /// Validates a security event token of this issuer for this audience.
    ///
    /// - `typ` is `secevent+jwt`. Header extensions (`crit`) are rejected.
    /// - `iss`, `aud`, `iat`, `jti` and `events` are required. An `exp` is optional, but it must
    ///   not be in the past.
    /// - The subject is the `sub_id` of the token, or the `subject` of the event as in older
    ///   drafts, of format `iss_sub`, `opaque` or `complex` (RFC 9493). An opaque identifier is a
    ///   `sub`, and that of a `session` in a complex subject is a `sid`. A `sub` of the token is
    ///   not used.
    /// - An issuer speaks for its own users only: a subject of another issuer is refused, even of a
    ///   trusted one.
    ///
    /// These events revoke tokens: `session-revoked`, `credential-change` and `token-claims-change`
    /// of CAEP, `sessions-revoked`, `account-disabled` and `account-purged` of RISC.
    /// `session-revoked` revokes the tokens of the session, if the subject names one, and each
    /// other those of the user. They are the tokens that were issued until the `event_timestamp`,
    /// if there is one, or else until the `iat` of the token. A timestamp of the future counts as
    /// now.
    ///
    /// Returns `None` if no event revokes tokens. Acknowledge it: it may be a verification event,
    /// or of a type that concerns others.
    ///
    /// # Errors
    ///
    /// Returns the first rule that the token breaks. The signature is verified last.
    pub fn verify_security_event(
        &self,
        jwt: &UnverifiedJwt<'_>,
        key: &VerificationKey,
        audience: &Audience,
        now: UnixTime,
    ) -> Result<Option<Logout>, EventError> {
        let header = &jwt.jws.header;
        if header.other_kind != Some(OtherKind::SecurityEvent) {
            return Err(EventError::Type {
                expected: "secevent+jwt",
                seen: header.seen_typ(),
            });
        }
        let common = self.check_event(&jwt.claims, audience, now)?;
        let events = revoking(common.events)?;
        let logout = match events.is_empty() {
            true => None,
            false => {
                let of_token = jwt.claims.payload.value("sub_id");
                Some(self.read_events(&common, &events, of_token, now)?)
            }
        };
        self.check_signature(jwt, key)?;
        Ok(logout)
    }

    /// Reads events that revoke tokens. Several must be about one subject: then the widest and the
    /// latest count.
    fn read_events(
        &self,
        common: &Common<'_>,
        events: &[Revoking<'_>],
        of_token: Option<&str>,
        now: UnixTime,
    ) -> Result<Logout, EventError> {
        let mut subjects: Option<Subject> = None;
        let mut until: Option<UnixTime> = None;
        for Revoking { event, .. } in events {
            let members = json::pick(event.as_bytes(), ["subject", "event_timestamp"]);
            let [of_event, at] = members.ok_or(EventError::Malformed("events"))?;
            let subject = of_token.or(of_event).ok_or(EventError::NoSubject)?;
            let subject = Subject::parse(subject, self.issuer())?;
            if subjects.as_ref().is_some_and(|first| *first != subject) {
                return Err(EventError::Malformed("events"));
            }
            subjects = Some(subject);
            let at = match at {
                Some(at) => {
                    json::numeric_date(at).ok_or(EventError::Malformed("event_timestamp"))?
                }
                None => common.issued_at,
            };
            until = until.max(Some(at));
        }
        let is_of_session = events.iter().all(|event| event.is_of_session);
        let of = subjects.and_then(|subject| match is_of_session {
            true => subject.narrow(),
            false => subject.wide(),
        });
        let until = until.unwrap_or(common.issued_at);
        Ok(Logout {
            issuer: self.issuer().clone(),
            jti: common.jti.to_owned(),
            of: of.ok_or(EventError::NoSubject)?,
            until: until.min(now.max(common.issued_at)),
        })
    }
}

/// The events that revoke tokens, after a check of all events.
fn revoking(events: &str) -> Result<Vec<Revoking<'_>>, EventError> {
    let (mut found, mut is_well_formed, mut count) = (Vec::new(), true, 0_usize);
    let read = json::members(events, |name, event| {
        count += 1;
        is_well_formed &= json::members(event, |_, _| {}).is_some();
        let known = REVOKING.iter().find(|(known, _)| *known == name);
        found.extend(known.map(|(_, is_of_session)| Revoking {
            is_of_session: *is_of_session,
            event,
        }));
    });
    match read {
        Some(()) if is_well_formed && count > 0 => Ok(found),
        Some(()) | None => Err(EventError::Malformed("events")),
    }
}
