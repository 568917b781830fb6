use zeroize::Zeroizing;

use crate::jose::crypto::keyed_digest;
use crate::secret::redacted;
use crate::validate::caller::Caller;

/// The key under which users are named in logs and audit records without being identified (OB-06).
///
/// Under one key, one user of one issuer has one pseudonym, and nobody without the key can tell whose it is.
pub struct PseudonymKey(Zeroizing<[u8; 32]>);

impl PseudonymKey {
    /// Takes 32 random bytes: new ones for pseudonyms within a process, kept ones for pseudonyms across processes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// The pseudonym of a caller's subject within its issuer, 16 hexadecimal digits.
    pub fn of<C>(&self, caller: &Caller<C>) -> String {
        let parts = [caller.issuer().as_str(), caller.subject()];
        let digest = keyed_digest(&self.0, parts.into_iter().map(str::as_bytes));
        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}

redacted!(PseudonymKey);
