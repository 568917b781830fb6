use serde::{Deserialize, Serialize};

use super::key_ring::KeyRing;
use super::names::StoreKey;
use super::sealed::Unopened;
use crate::time::UnixTime;
use crate::token::issuer::Issuer;
use crate::validate::caller::Caller;

/// Whose tokens are revoked, within one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Revoked {
    /// All tokens of the user with this `sub`.
    Subject(String),
    /// The tokens of the session with this `sid`.
    Session(String),
}

/// The tokens of a user or a session are revoked: those issued until a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationMark {
    /// The issuer of the tokens.
    pub issuer: Issuer,
    /// The user or the session.
    pub of: Revoked,
    /// Tokens with an `iat` up to this second are revoked.
    pub until: UnixTime,
    /// When the mark may be dropped, because every such token has expired.
    pub ends_at: UnixTime,
}

/// A mark as it stands in the log.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    of: Revoked,
    until: u64,
    ends_at: u64,
}

impl RevocationMark {
    /// Whether the mark covers the token of this caller.
    ///
    /// A token without `iat` is dated by its `auth_time`, or else by when its issuer last confirmed
    /// it. A token without any of these is revoked.
    pub fn covers<C>(&self, caller: &Caller<C>) -> bool {
        let is_theirs = match &self.of {
            Revoked::Subject(subject) => caller.subject() == subject,
            Revoked::Session(session) => caller.session() == Some(session),
        };
        let issued = caller.dated_at();
        is_theirs
            && caller.issuer() == &self.issuer
            && issued.is_none_or(|at| at.as_secs() <= self.until.as_secs())
    }

    /// Seals the mark for the log, once by each key of the ring, so that replicas with an older or
    /// a newer ring read it too. `nonce` returns 12 random bytes.
    pub fn seal(&self, ring: &KeyRing, nonce: impl Fn() -> Option<[u8; 12]>) -> Option<Vec<u8>> {
        let written = Written {
            issuer: self.issuer.as_str().to_owned(),
            of: self.of.clone(),
            until: self.until.as_secs(),
            ends_at: self.ends_at.as_secs(),
        };
        let text = serde_json::to_vec(&written).ok()?;
        let mut record = Vec::new();
        for key in ring.0.iter() {
            let sealed = key.seal(StoreKey::log().as_str(), &text, nonce()?)?;
            record.extend(u16::try_from(sealed.len()).ok()?.to_be_bytes());
            record.extend(sealed);
        }
        Some(record)
    }

    /// Opens a mark of the log.
    ///
    /// # Errors
    ///
    /// Fails if no key of the ring has sealed it.
    pub fn open(ring: &KeyRing, record: &[u8]) -> Result<Self, Unopened> {
        let mut rest = record;
        let mut problem = Unopened::Form;
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes(*length));
            let (sealed, after) = after.split_at_checked(length).ok_or(Unopened::Form)?;
            rest = after;
            match ring.open(&StoreKey::log(), sealed) {
                Ok(text) => return Self::read(&text).ok_or(Unopened::Form),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    fn read(text: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(text).ok()?;
        Some(Self {
            issuer: Issuer::new(written.issuer).ok()?,
            of: written.of,
            until: UnixTime::from_secs(written.until),
            ends_at: UnixTime::from_secs(written.ends_at),
        })
    }
}
