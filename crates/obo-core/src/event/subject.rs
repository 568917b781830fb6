//! Subject identifiers: RFC 9493, and complex subjects of the Shared Signals Framework 1.0, section
//! 3.2.

use std::borrow::Cow;

use super::EventError;
use crate::fleet::Revoked;
use crate::token::issuer::Issuer;
use crate::wire::json;
use crate::wire::seen::seen;

const MALFORMED: EventError = EventError::Malformed("sub_id");

/// The user and the session that a subject identifier names.
#[derive(PartialEq, Eq)]
pub(super) struct Subject {
    user: Option<String>,
    session: Option<String>,
}

impl Subject {
    /// Reads a subject identifier of a token of this issuer.
    pub(super) fn parse(identifier: &str, issuer: &Issuer) -> Result<Self, EventError> {
        let names = ["format", "user", "session"];
        let members = json::pick(identifier.as_bytes(), names);
        let [format, user, session] = members.ok_or(MALFORMED)?;
        let format = format.map(|format| json::text(format).ok_or(MALFORMED));
        match format.transpose()?.as_deref() {
            Some("complex") => {}
            // Older drafts of CAEP have no format there.
            None if user.is_some() || session.is_some() => {}
            Some(_) | None => {
                let user = simple(identifier, issuer)?;
                return Ok(Self {
                    user: Some(user),
                    session: None,
                });
            }
        }
        let user = user.map(|user| simple(user, issuer)).transpose()?;
        let session = session.map(opaque).transpose()?;
        Ok(Self { user, session })
    }

    /// The session, or the user if there is no session.
    pub(super) fn narrow(self) -> Option<Revoked> {
        let user = self.user.map(Revoked::Subject);
        self.session.map(Revoked::Session).or(user)
    }

    /// The user, or the session if there is no user.
    pub(super) fn wide(self) -> Option<Revoked> {
        let session = self.session.map(Revoked::Session);
        self.user.map(Revoked::Subject).or(session)
    }
}

/// The `sub` of a user: of format `iss_sub` or `opaque`.
fn simple(identifier: &str, issuer: &Issuer) -> Result<String, EventError> {
    let names = ["format", "iss", "sub", "id"];
    let members = json::pick(identifier.as_bytes(), names);
    let [format, iss, sub, id] = members.ok_or(MALFORMED)?;
    let format = text(format)?;
    match &*format {
        "iss_sub" => {
            let (iss, sub) = (text(iss)?, text(sub)?);
            match iss == issuer.as_str() {
                true => Ok(sub.into_owned()),
                false => Err(EventError::ForeignSubject { seen: seen(&iss) }),
            }
        }
        "opaque" => Ok(text(id)?.into_owned()),
        other => Err(EventError::SubjectFormat { seen: seen(other) }),
    }
}

/// The `sid` of a session.
fn opaque(identifier: &str) -> Result<String, EventError> {
    let members = json::pick(identifier.as_bytes(), ["format", "id"]);
    let [format, id] = members.ok_or(MALFORMED)?;
    match &*text(format)? {
        "opaque" => Ok(text(id)?.into_owned()),
        other => Err(EventError::SubjectFormat { seen: seen(other) }),
    }
}

fn text(value: Option<&str>) -> Result<Cow<'_, str>, EventError> {
    value.and_then(json::non_empty).ok_or(MALFORMED)
}
