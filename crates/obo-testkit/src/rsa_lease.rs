//! RSA keys are slow to make, so a process makes few of them and lends them out.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rsa::{KeyPair, KeySize};

static IDLE: Mutex<Vec<KeyPair>> = Mutex::new(Vec::new());

/// An RSA key pair that nobody else holds at the same time.
///
/// Two servers alive together must not share a key: a test that lets one sign in the other's name
/// would then pass for the wrong reason.
pub(crate) struct RsaLease(Option<KeyPair>);

impl RsaLease {
    pub(crate) fn take() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pair = idle
            .unwrap_or_else(|| KeyPair::generate(KeySize::Rsa2048).expect("RSA key generation"));
        Self(Some(pair))
    }
}

impl Deref for RsaLease {
    type Target = KeyPair;

    fn deref(&self) -> &KeyPair {
        self.0.as_ref().expect("present until dropped")
    }
}

impl Drop for RsaLease {
    fn drop(&mut self) {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.0.take());
    }
}
