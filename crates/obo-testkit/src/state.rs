//! What handle and endpoints share.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::alg::TestAlg;
use crate::fault::Faults;
use crate::key_set::KeySet;
use crate::opaque::Tokens;
use crate::recorded::Recorded;
use crate::registration::Registration;

pub(crate) struct State {
    pub(crate) issuer: String,
    /// The issuer's path, empty or starting with a slash.
    pub(crate) path: String,
    pub(crate) signing: TestAlg,
    keys: Mutex<KeySet>,
    clients: Mutex<BTreeMap<String, Registration>>,
    /// Expiry by client and `jti` of every assertion accepted so far.
    assertions: Mutex<HashMap<(String, String), i64>>,
    tokens: Mutex<Tokens>,
    requests: Mutex<Vec<Recorded>>,
    faults: Mutex<Faults>,
    /// Signals that a request was recorded.
    pub(crate) arrived: watch::Sender<()>,
    /// Signals that hanging requests may go on.
    pub(crate) healed: watch::Sender<()>,
    clock_offset: AtomicI64,
    lifetime: AtomicI64,
    narrows_targets: AtomicBool,
    issues_opaque: AtomicBool,
}

impl State {
    pub(crate) fn new(issuer: String, path: String, signing: TestAlg) -> Self {
        Self {
            issuer,
            path,
            signing,
            keys: Mutex::new(KeySet::new(signing)),
            clients: Mutex::default(),
            assertions: Mutex::default(),
            tokens: Mutex::default(),
            requests: Mutex::default(),
            faults: Mutex::default(),
            arrived: watch::Sender::new(()),
            healed: watch::Sender::new(()),
            clock_offset: AtomicI64::new(0),
            lifetime: AtomicI64::new(300),
            narrows_targets: AtomicBool::new(false),
            issues_opaque: AtomicBool::new(false),
        }
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/token", self.issuer)
    }

    pub(crate) fn introspection_endpoint(&self) -> String {
        format!("{}/introspect", self.issuer)
    }

    pub(crate) fn jwks_uri(&self) -> String {
        format!("{}/jwks", self.issuer)
    }

    /// Seconds since the epoch on the server's clock.
    #[expect(clippy::disallowed_methods, reason = "a server has its own clock")]
    pub(crate) fn now(&self) -> i64 {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock past 1970");
        i64::try_from(since_epoch.as_secs()).expect("a clock before the year 292 billion")
            + self.clock_offset.load(Ordering::SeqCst)
    }

    pub(crate) fn set_clock_offset(&self, seconds: i64) {
        self.clock_offset.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn lifetime(&self) -> i64 {
        self.lifetime.load(Ordering::SeqCst)
    }

    pub(crate) fn set_lifetime(&self, seconds: i64) {
        self.lifetime.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn narrows_targets(&self) -> bool {
        self.narrows_targets.load(Ordering::SeqCst)
    }

    pub(crate) fn set_narrows_targets(&self, narrows: bool) {
        self.narrows_targets.store(narrows, Ordering::SeqCst);
    }

    pub(crate) fn issues_opaque(&self) -> bool {
        self.issues_opaque.load(Ordering::SeqCst)
    }

    pub(crate) fn set_issues_opaque(&self, opaque: bool) {
        self.issues_opaque.store(opaque, Ordering::SeqCst);
    }

    /// Remembers an assertion until it expires; false if it was seen before.
    pub(crate) fn first_use(&self, client_id: &str, jti: &str, exp: i64, now: i64) -> bool {
        let mut assertions = lock(&self.assertions);
        assertions.retain(|_, exp| *exp > now);
        assertions
            .insert((client_id.to_owned(), jti.to_owned()), exp)
            .is_none()
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, KeySet> {
        lock(&self.keys)
    }

    pub(crate) fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Registration>> {
        lock(&self.clients)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        lock(&self.tokens)
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, Vec<Recorded>> {
        lock(&self.requests)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }
}

/// A test that panics while it holds a lock fails by itself; it should not fail the others as well.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
