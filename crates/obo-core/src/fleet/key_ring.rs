use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::names::{Kind, StoreKey};
use crate::binding::dpop::NonceKeys;
use crate::error::ConfigError;
use crate::jose::crypto::{SealingKey, derived};
use crate::secret::Secret;
use crate::wire::base64url;

/// The longest id of a key, in bytes.
const MAX_ID: usize = 64;

/// The most keys of a ring. Each key adds a name to each lookup.
const MAX_KEYS: usize = 4;

/// A secret of the deployment, from which the keys of a [`KeyRing`] are derived.
pub struct RingKey {
    pub(super) id: String,
    pub(super) names: Zeroizing<[u8; 32]>,
    pub(super) values: SealingKey,
    nonces: Zeroizing<[u8; 32]>,
    fingerprint: [u8; 6],
}

impl RingKey {
    /// Reads 32 random bytes in base64url without padding, as `openssl rand 32 | basenc --base64url
    /// | tr -d =` writes them. One newline at the end is accepted.
    ///
    /// `id` is public: it stands in front of each value that the key seals.
    ///
    /// # Errors
    ///
    /// Fails if the text is anything else, or the id is not 1 to 64 visible ASCII characters. The
    /// error does not quote the text.
    pub fn parse(id: &str, text: &Secret) -> Result<Self, ConfigError> {
        let is_visible = id.bytes().all(|b| b.is_ascii_graphic());
        if id.is_empty() || id.len() > MAX_ID || !is_visible {
            let problem = "is not an id of 1 to 64 visible ASCII characters";
            return Err(ConfigError::new("id", problem));
        }
        let text = text.expose();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let wrong = || {
            let problem = format!(
                "key {id:?} is not 32 bytes in base64url without padding (43 characters), but {} characters; make one \
                 with `openssl rand 32 | basenc --base64url | tr -d =`",
                text.chars().count()
            );
            ConfigError::new("key_ring", problem)
        };
        let bytes = base64url::decode(text).map(Zeroizing::new);
        let bytes = bytes.ok_or_else(wrong)?;
        let secret: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| wrong())?;
        let keys = derived(secret, "names").zip(derived(secret, "values"));
        let keys = keys.and_then(|(names, values)| Some((names, SealingKey::new(&values)?)));
        let (names, values) = keys.ok_or_else(wrong)?;
        let nonces = NonceKeys::derive_key(secret).ok_or_else(wrong)?;
        let fingerprint = derived(secret, "fingerprint").ok_or_else(wrong)?;
        let (fingerprint, _) = fingerprint.split_first_chunk().ok_or_else(wrong)?;
        Ok(Self {
            id: id.to_owned(),
            names,
            values,
            nonces,
            fingerprint: *fingerprint,
        })
    }

    /// Eight characters that are the same for the same secret, to compare the keys of replicas.
    ///
    /// They are derived by HKDF (RFC 5869) and show nothing of the secret.
    pub fn fingerprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.fingerprint)
    }
}

impl fmt::Debug for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RingKey({:?}, [redacted])", self.id)
    }
}

/// The secrets that all replicas have: the first key seals values, and all of them open values.
///
/// To replace a key, add the new one at the end on each replica, then move it to the front, then
/// remove the old one when its values have expired.
#[derive(Clone)]
pub struct KeyRing(pub(super) Arc<[RingKey]>);

impl KeyRing {
    /// A ring of 1 to 4 keys.
    ///
    /// # Errors
    ///
    /// Fails without a key, with more than 4, and if two keys have the same id or the same secret.
    pub fn new(keys: impl IntoIterator<Item = RingKey>) -> Result<Self, ConfigError> {
        let keys: Vec<RingKey> = keys.into_iter().collect();
        let wrong = |problem: String| Err(ConfigError::new("key_ring", problem));
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return wrong(format!("has {} keys, expected 1 to {MAX_KEYS}", keys.len()));
        }
        for (i, key) in keys.iter().enumerate() {
            let mut before = keys.iter().take(i);
            if let Some(other) = before.find(|it| it.id == key.id || it.names == key.names) {
                return wrong(match other.id == key.id {
                    true => format!("has two keys with the id {:?}", key.id),
                    false => format!("keys {:?} and {:?} have the same secret", other.id, key.id),
                });
            }
        }
        Ok(Self(keys.into()))
    }

    /// The ids of the keys, the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| &*key.id)
    }

    /// The keys of the nonces that the replicas demand in DPoP proofs: the first makes them, and
    /// all of them recognise them. `None` never happens, because a ring has a key.
    pub fn nonce_keys(&self) -> Option<NonceKeys> {
        NonceKeys::of(self.0.iter().map(|key| key.nonces.clone()))
    }

    /// The names under which the use of an identifier is recorded once, such as a `jti`. `scope` is
    /// the party that must not repeat it.
    pub fn replay_names(&self, scope: &str, id: &str) -> Vec<StoreKey> {
        self.each_once(Kind::Replay, scope, id)
    }

    /// As [`replay_names`](Self::replay_names), for events that revoke: the names are on the node
    /// of the log of marks.
    pub fn event_names(&self, issuer: &str, jti: &str) -> Vec<StoreKey> {
        self.each_once(Kind::Event, issuer, jti)
    }

    /// In the order of the ids, so that replicas with rings in another order meet at the same name.
    fn each_once(&self, kind: Kind, scope: &str, id: &str) -> Vec<StoreKey> {
        let mut keys: Vec<&RingKey> = self.0.iter().collect();
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        let names = keys.into_iter();
        let names = names.map(|key| key.name(kind, None, &[scope.as_bytes(), id.as_bytes()]));
        names.collect()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}
