use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::ConfigError;
use crate::jose::crypto::keyed_digest;
use crate::secret::redacted;
use crate::validate::caller::Caller;

/// A key that makes pseudonyms of users and digests of tokens, for logs and audit records.
///
/// With one key, a user of an issuer always has the same pseudonym. Without the key, a pseudonym
/// identifies no user, and a digest no token.
pub struct PseudonymKey(Zeroizing<[u8; 32]>);

/// The first part of a token's digest. The first part of a pseudonym is an issuer, which is a URL,
/// so no pseudonym is the digest of a token.
const TOKEN: &str = "token";

impl PseudonymKey {
    /// Takes 32 random bytes. Use new bytes for pseudonyms within one process, and stored bytes for
    /// pseudonyms across processes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// Reads a key of 64 hexadecimal digits, as `openssl rand -hex 32` writes it.
    ///
    /// # Errors
    ///
    /// Fails if the text is anything else. The error does not quote it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            let problem =
                "is not a key of 64 hexadecimal digits; make one with `openssl rand -hex 32`";
            ConfigError::new("pseudonym_key", problem)
        };
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut key = Zeroizing::new([0; 32]);
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = str::from_utf8(digits).ok();
            let read = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            *byte = read.ok_or_else(wrong)?;
        }
        Ok(Self(key))
    }

    /// The pseudonym of a caller's subject and issuer: 16 hexadecimal digits.
    pub fn of<C>(&self, caller: &Caller<C>) -> String {
        self.digits([caller.issuer().as_str(), caller.subject()], 8)
    }

    /// The digest of a token, which identifies it in records: 32 hexadecimal digits.
    pub fn of_token(&self, token: &str) -> String {
        self.digits([TOKEN, token], 16)
    }

    fn digits(&self, parts: [&str; 2], bytes: usize) -> String {
        let digest = keyed_digest(&self.0, parts.into_iter().map(str::as_bytes));
        let digits = digest.iter().take(bytes);
        digits.map(|b| format!("{b:02x}")).collect()
    }
}

redacted!(PseudonymKey);

/// How audit records name users: by pseudonyms of a key, or as they are.
///
/// By default the key is random for each process. Services and replicas whose records shall be
/// joined share one key.
///
/// ```
/// use obo_core::{AuditSubjects, PseudonymKey};
///
/// # fn of(text: &str) -> Result<AuditSubjects, obo_core::ConfigError> {
/// let subjects = AuditSubjects::keyed(PseudonymKey::parse(text)?);
/// # Ok(subjects)
/// # }
/// ```
#[derive(Clone, Default)]
pub struct AuditSubjects {
    key: Option<Arc<PseudonymKey>>,
    is_plain: bool,
}

impl AuditSubjects {
    /// Pseudonyms and digests of this key.
    pub fn keyed(key: PseudonymKey) -> Self {
        Self {
            key: Some(Arc::new(key)),
            is_plain: false,
        }
    }

    /// Records the names of users as they are. The key is still used for digests of tokens.
    ///
    /// The names are personal data. Protect the log accordingly.
    #[must_use]
    pub fn plain(self) -> Self {
        Self {
            is_plain: true,
            ..self
        }
    }

    /// The key; `None` for one that is random for each process.
    pub fn key(&self) -> Option<&PseudonymKey> {
        self.key.as_deref()
    }

    /// Whether records have the names of users as they are.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl fmt::Debug for AuditSubjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditSubjects")
            .field("key", &self.key)
            .field("is_plain", &self.is_plain)
            .finish()
    }
}
