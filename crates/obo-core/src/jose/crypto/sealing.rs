use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

/// A key that encrypts and authenticates with AES-256-GCM-SIV (RFC 8452).
pub(crate) struct SealingKey(LessSafeKey);

/// The bytes that sealing adds.
pub(crate) const TAG: usize = 16;

impl SealingKey {
    pub(crate) fn new(key: &[u8; 32]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, key).ok()?;
        Some(Self(LessSafeKey::new(key)))
    }

    /// Encrypts `text` in place and appends the tag. `context` is authenticated too.
    pub(crate) fn seal(&self, nonce: [u8; 12], context: &[u8], text: &mut Vec<u8>) -> Option<()> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self
            .0
            .seal_in_place_append_tag(nonce, Aad::from(context), text);
        sealed.ok()
    }

    /// Decrypts what [`seal`](Self::seal) made with the same nonce and context.
    pub(crate) fn open(
        &self,
        nonce: [u8; 12],
        context: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let mut text = Zeroizing::new(sealed.to_vec());
        let opened = self.0.open_in_place(nonce, Aad::from(context), &mut text);
        let length = opened.ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

/// A key for one purpose, derived from a secret by HKDF-SHA-256 (RFC 5869).
pub(crate) fn derived(secret: &[u8; 32], purpose: &str) -> Option<Zeroizing<[u8; 32]>> {
    let secret = Salt::new(HKDF_SHA256, b"obo fleet 1").extract(secret);
    let info = [purpose.as_bytes()];
    let okm = secret.expand(&info, HKDF_SHA256).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    okm.fill(&mut *key).ok()?;
    Some(key)
}
