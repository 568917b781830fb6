use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key_ring::RingKey;
use crate::jose::crypto::keyed_digest;

/// The name of a value in the store: printable ASCII, at most 100 bytes.
///
/// It shows what kind of value it is, and nothing of a user or a token. A part in braces is the
/// hash tag of Redis Cluster: names with the same tag are on the same node.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoreKey(Arc<str>);

/// The kinds of names. Each has digests of its own.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Token,
    Lease,
    Introspection,
    /// Of a logout token or an event, on the node of the log of marks.
    Event,
    Replay,
}

impl StoreKey {
    /// The log of revocation marks.
    pub fn log() -> Self {
        Self("obo:1:{log}:marks".into())
    }

    /// The channel on which new marks are announced.
    pub fn announcements() -> Self {
        Self("obo:1:{log}:news".into())
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreKey({})", self.0)
    }
}

impl RingKey {
    /// The name of a value. Values with the same `owner` are on the same node.
    pub(super) fn name(&self, kind: Kind, owner: Option<&[&[u8]]>, fields: &[&[u8]]) -> StoreKey {
        let letter = match kind {
            Kind::Token => "t",
            Kind::Lease => "l",
            Kind::Introspection => "i",
            Kind::Event => "e",
            Kind::Replay => "r",
        };
        let digest = self.digest(letter, fields);
        let digest = URL_SAFE_NO_PAD.encode(digest);
        let tag = match (kind, owner) {
            (Kind::Event, _) => Some("log".to_owned()),
            (_, Some(owner)) => {
                let digest = self.digest("owner", owner);
                Some(URL_SAFE_NO_PAD.encode(digest.get(..12).unwrap_or(&digest)))
            }
            (_, None) => None,
        };
        StoreKey(match tag {
            Some(tag) => format!("obo:1:{{{tag}}}:{letter}:{digest}").into(),
            None => format!("obo:1:{letter}:{digest}").into(),
        })
    }

    fn digest(&self, purpose: &str, fields: &[&[u8]]) -> [u8; 32] {
        let fields = fields.iter().copied();
        keyed_digest(&self.names, [purpose.as_bytes()].into_iter().chain(fields))
    }
}
