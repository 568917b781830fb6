//! The form of a value in the store: the version, the id of its key, a nonce, the sealed text.

use zeroize::Zeroizing;

use super::key_ring::{KeyRing, RingKey};
use super::names::StoreKey;
use crate::jose::crypto::TAG;

const VERSION: u8 = 1;
const NONCE: usize = 12;

/// Why a value of the store is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unopened {
    /// It has the form of another version, or none.
    Form,
    /// It was sealed by a key that is not in the ring.
    Key,
    /// It was changed, moved from another name, or not made by the key that it names.
    Forged,
}

impl Unopened {
    /// The label for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Key => "key",
            Self::Forged => "forged",
        }
    }
}

impl KeyRing {
    /// Seals a value for this name with the first key. `nonce` is random and used once.
    ///
    /// `None` if the value is too long for the cipher.
    pub fn seal(&self, name: &StoreKey, value: &[u8], nonce: [u8; 12]) -> Option<Vec<u8>> {
        let key = self.0.first()?;
        key.seal(name.as_str(), value, nonce)
    }

    /// Opens a value of this name.
    ///
    /// # Errors
    ///
    /// Fails if the value was not sealed for this name by a key of the ring.
    pub fn open(&self, name: &StoreKey, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let parts = Parts::read(value).ok_or(Unopened::Form)?;
        let mut keys = self.0.iter();
        let key = keys.find(|key| key.id.as_bytes() == parts.id);
        let key = key.ok_or(Unopened::Key)?;
        key.open(name.as_str(), &parts).ok_or(Unopened::Forged)
    }
}

impl RingKey {
    pub(super) fn seal(&self, name: &str, value: &[u8], nonce: [u8; NONCE]) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(value.len() + TAG);
        text.extend_from_slice(value);
        self.values.seal(nonce, name.as_bytes(), &mut text)?;
        let mut sealed = Vec::with_capacity(2 + self.id.len() + NONCE + text.len());
        sealed.extend([VERSION, u8::try_from(self.id.len()).ok()?]);
        sealed.extend_from_slice(self.id.as_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        Some(sealed)
    }

    pub(super) fn open(&self, name: &str, parts: &Parts<'_>) -> Option<Zeroizing<Vec<u8>>> {
        (self.values).open(parts.nonce, name.as_bytes(), parts.sealed)
    }
}

/// The parts of a value.
pub(super) struct Parts<'v> {
    pub(super) id: &'v [u8],
    nonce: [u8; NONCE],
    sealed: &'v [u8],
}

impl<'v> Parts<'v> {
    pub(super) fn read(value: &'v [u8]) -> Option<Self> {
        let (&[VERSION, length], rest) = value.split_first_chunk()? else {
            return None;
        };
        let (id, rest) = rest.split_at_checked(usize::from(length))?;
        let (nonce, sealed) = rest.split_first_chunk()?;
        Some(Self {
            id,
            nonce: *nonce,
            sealed,
        })
    }
}
