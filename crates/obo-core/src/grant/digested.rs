use zeroize::Zeroizing;

use crate::jose::crypto::digest;

/// The input of a digest: fields of fixed length as they are, other fields with their length in
/// front.
///
/// The secret comes first. HMAC would only protect against extended inputs, at three times the
/// cost, and digests never leave the process. Each call on behalf of a user computes one.
pub(super) struct Text(Zeroizing<Vec<u8>>);

impl Text {
    pub(super) fn new(secret: &[u8; 32], kind: u8) -> Self {
        let mut text = Self::public();
        text.fixed(secret);
        text.fixed(&[kind]);
        text
    }

    /// Without a secret.
    pub(super) fn public() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(256)))
    }

    pub(super) fn fixed(&mut self, field: &[u8]) {
        self.0.extend_from_slice(field);
    }

    pub(super) fn part(&mut self, field: &str) {
        self.fixed(&(field.len() as u64).to_be_bytes());
        self.fixed(field.as_bytes());
    }

    pub(super) fn digest(self) -> [u8; 32] {
        digest(&self.0)
    }
}
