use zeroize::Zeroizing;

use crate::jose::crypto::keyed_digest;
use crate::secret::redacted;
use crate::validate::caller::Caller;

/// A key that makes pseudonyms of users, for logs and audit records.
///
/// With one key, a user of an issuer always has the same pseudonym. Without the key, a pseudonym
/// identifies no user.
pub struct PseudonymKey(Zeroizing<[u8; 32]>);

impl PseudonymKey {
    /// Takes 32 random bytes. Use new bytes for pseudonyms within one process, and stored bytes for
    /// pseudonyms across processes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// The pseudonym of a caller's subject and issuer: 16 hexadecimal digits.
    pub fn of<C>(&self, caller: &Caller<C>) -> String {
        let parts = [caller.issuer().as_str(), caller.subject()];
        let digest = keyed_digest(&self.0, parts.into_iter().map(str::as_bytes));
        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}

redacted!(PseudonymKey);
