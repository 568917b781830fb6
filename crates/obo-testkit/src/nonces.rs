//! The nonces of proofs (RFC 9449 §8).

use crate::random;

/// The nonces of the server: the current one, and the one before, which is still accepted.
#[derive(Default)]
pub(crate) struct Nonces {
    current: Option<String>,
    before: Option<String>,
}

impl Nonces {
    pub(crate) fn current(&mut self) -> String {
        self.current.get_or_insert_with(random::text::<16>).clone()
    }

    pub(crate) fn rotate(&mut self) {
        self.before = Some(self.current());
        self.current = None;
    }

    pub(crate) fn accepts(&self, nonce: &str) -> bool {
        [&self.current, &self.before]
            .into_iter()
            .any(|known| known.as_deref() == Some(nonce))
    }
}
