//! What the handle and the endpoints share.

use std::collections::{BTreeMap, HashMap, HashSet};
#[cfg(feature = "tls")]
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::watch;

use crate::alg::TestAlg;
#[cfg(feature = "tls")]
use crate::certificate::{Authority, TestCertificate};
use crate::fault::Faults;
use crate::key_set::KeySet;
use crate::lock::Lock;
use crate::nonces::Nonces;
use crate::oauth_error::OAuthError;
use crate::recorded::Recorded;
use crate::registration::Registration;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) issuer: String,
    /// The issuer's path, empty or starting with a slash.
    pub(crate) path: String,
    pub(crate) signing: TestAlg,
    pub(crate) keys: Lock<KeySet>,
    pub(crate) clients: Lock<BTreeMap<String, Registration>>,
    /// Expiry by client or key and `jti` of every assertion and proof accepted so far.
    pub(crate) assertions: Lock<HashMap<(String, String), i64>>,
    /// The claims of opaque tokens.
    pub(crate) opaque: Lock<HashMap<String, Value>>,
    pub(crate) revoked: Lock<HashSet<String>>,
    /// The users whose tokens are all revoked.
    pub(crate) revoked_users: Lock<HashSet<String>>,
    pub(crate) requests: Lock<Vec<Recorded>>,
    pub(crate) faults: Lock<Faults>,
    /// Signals that a request was recorded.
    pub(crate) arrived: watch::Sender<()>,
    /// Signals that hanging requests continue.
    pub(crate) healed: watch::Sender<()>,
    pub(crate) settings: Lock<Settings>,
    /// Scheme and authority of the listener with mutual TLS.
    pub(crate) mutual_tls_origin: Option<String>,
    /// The names in the certificates that the server's authority has issued, by thumbprint.
    pub(crate) certificates: Lock<HashMap<String, String>>,
    #[cfg(feature = "tls")]
    pub(crate) authority: OnceLock<Authority>,
    /// The nonces of proofs.
    pub(crate) nonces: Lock<Nonces>,
}

/// Settings that a test may change while the server runs.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) clock_offset: i64,
    /// The lifetime of issued tokens, in seconds.
    pub(crate) lifetime: i64,
    pub(crate) narrows_targets: bool,
    pub(crate) issues_opaque: bool,
    pub(crate) demands_nonce: bool,
}

/// Seconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "a server has its own clock")]
pub(crate) fn wall_clock() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock past 1970");
    i64::try_from(since_epoch.as_secs()).expect("a clock before the year 292 billion")
}

impl State {
    /// The URL of an endpoint below the issuer.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// The URL of an endpoint at the listener with mutual TLS (RFC 8705 §5).
    pub(crate) fn mutual_tls_url(&self, path: &str) -> Option<String> {
        let origin = self.mutual_tls_origin.as_deref()?;
        Some([origin, &self.path, path].concat())
    }

    /// The authority of the server's certificates, made when it is first needed.
    #[cfg(feature = "tls")]
    pub(crate) fn authority(&self) -> &Authority {
        self.authority.get_or_init(Authority::new)
    }

    #[cfg(feature = "tls")]
    pub(crate) fn issue_certificate(&self, name: &str) -> TestCertificate {
        let issued = self.authority().issue(name);
        let mut certificates = self.certificates.lock();
        certificates.insert(issued.thumbprint(), name.to_owned());
        issued
    }

    /// The registered client. A given `secret` must be its secret.
    pub(crate) fn client(
        &self,
        id: &str,
        secret: Option<&str>,
    ) -> Result<Registration, OAuthError> {
        let client = self.clients.lock().get(id).cloned();
        client
            .filter(|client| secret.is_none() || client.secret.as_deref() == secret)
            .ok_or_else(OAuthError::authentication_failed)
    }

    /// Seconds since the epoch on the server's clock.
    pub(crate) fn now(&self) -> i64 {
        wall_clock() + self.settings.lock().clock_offset
    }

    /// Records an assertion or a proof until it expires; false if it was used before.
    pub(crate) fn first_use(&self, of: &str, jti: &str, exp: i64) -> bool {
        let now = self.now();
        let mut assertions = self.assertions.lock();
        assertions.retain(|_, exp| *exp > now);
        let key = (of.to_owned(), jti.to_owned());
        assertions.insert(key, exp).is_none()
    }
}
