use zeroize::Zeroizing;

use crate::jose::crypto::digest;

/// What is digested: fields of fixed length as they are, others each after its length.
///
/// The secret comes first. Digests leave no process, so that nothing is gained by making one longer, against which HMAC
/// would guard at three times the cost; each call on behalf of a user makes one.
pub(super) struct Text(Zeroizing<Vec<u8>>);

impl Text {
    pub(super) fn new(secret: &[u8; 32], kind: u8) -> Self {
        let mut text = Self::public();
        text.fixed(secret);
        text.fixed(&[kind]);
        text
    }

    /// Under no secret.
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
