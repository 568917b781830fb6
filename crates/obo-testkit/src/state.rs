//! What the handle and the endpoints share.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::watch;

use crate::alg::TestAlg;
use crate::fault::Faults;
use crate::key_set::KeySet;
use crate::lock::Lock;
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
    /// Expiry by client and `jti` of every assertion accepted so far.
    pub(crate) assertions: Lock<HashMap<(String, String), i64>>,
    /// The claims of opaque tokens.
    pub(crate) opaque: Lock<HashMap<String, Value>>,
    pub(crate) revoked: Lock<HashSet<String>>,
    pub(crate) requests: Lock<Vec<Recorded>>,
    pub(crate) faults: Lock<Faults>,
    /// Signals that a request was recorded.
    pub(crate) arrived: watch::Sender<()>,
    /// Signals that hanging requests continue.
    pub(crate) healed: watch::Sender<()>,
    pub(crate) settings: Lock<Settings>,
}

/// Settings that a test may change while the server runs.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) clock_offset: i64,
    /// The lifetime of issued tokens, in seconds.
    pub(crate) lifetime: i64,
    pub(crate) narrows_targets: bool,
    pub(crate) issues_opaque: bool,
}

impl State {
    /// The URL of an endpoint below the issuer.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
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
    #[expect(clippy::disallowed_methods, reason = "a server has its own clock")]
    pub(crate) fn now(&self) -> i64 {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock past 1970");
        i64::try_from(since_epoch.as_secs()).expect("a clock before the year 292 billion")
            + self.settings.lock().clock_offset
    }

    /// Records an assertion until it expires; false if it was used before.
    pub(crate) fn first_use(&self, client_id: &str, jti: &str, exp: i64) -> bool {
        let now = self.now();
        let mut assertions = self.assertions.lock();
        assertions.retain(|_, exp| *exp > now);
        let key = (client_id.to_owned(), jti.to_owned());
        assertions.insert(key, exp).is_none()
    }
}
