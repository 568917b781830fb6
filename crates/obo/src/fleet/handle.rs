use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use obo_core::binding::dpop::NonceKeys;
use obo_core::fleet::{RevocationMark, Revoked, StoreKey, Unopened};
use obo_core::{Caller, Issuer, TokenError, UnixTime};
use parking_lot::Mutex;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, timeout};

use super::heard::Heard;
use super::link::Link;
use super::listen::{self, Listener};
use super::marks::Marks;
use super::owed::Owed;
use super::replays::Replays;
use super::ring::Ring;
use super::store::{Store, StoreError};
use crate::clock::Clock;
use crate::refusal::rejection::Rejection;
use crate::{observe, random};

/// How often values that are not used are logged.
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// What is wrong if the newest logout of the store does not open.
const UNREADABLE: &str = "has logouts that no key of this ring opens; give all replicas the same `key_ring`, and each \
                          other ring a database of its own";

/// How long [`Fleet::start`] waits for the store.
const START: Duration = Duration::from_secs(2);

/// What the replicas of a service share. Clones are the same fleet.
///
/// Give one to the [`ResourceServer`](crate::resource_server::ResourceServerBuilder::fleet) and to
/// the [`TokenExchange`](crate::exchange::TokenExchangeBuilder::fleet) of the process. It requires
/// a tokio runtime, in which a task listens for logouts. If that runtime ends, the next request
/// within another one starts the task again.
///
/// ```
/// use obo::fleet::{Fleet, InProcess, KeyRing, RingKey};
/// use obo::{ResourceServer, Secret};
///
/// # fn of(text: Secret) -> Result<(), obo::ConfigError> {
/// let ring = KeyRing::new([RingKey::parse("k1", &text)?])?;
/// // A service with several replicas uses a store that all of them reach, such as `obo-redis`.
/// let fleet = Fleet::builder().store(InProcess::new(), ring).build()?;
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com")
///     .fleet(fleet)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Fleet(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    /// Shared with a reading of its files, which may outlast the fleet.
    pub(super) ring: Arc<Ring>,
    pub(super) link: Link,
    pub(super) marks: Marks,
    pub(super) replays: Replays,
    pub(super) heard: Heard,
    pub(super) listener: Listener,
    pub(super) silence: Option<Duration>,
    pub(super) longest_token: Duration,
    pub(super) has_lease: bool,
    /// Whether other processes use the store.
    pub(super) is_shared: bool,
    pub(super) clock: Clock,
    /// When a value that is not used was logged.
    pub(super) ignored_at: Mutex<Option<Instant>>,
    pub(super) owed: Owed,
}

/// What the fleet says of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// The token was revoked.
    Revoked,
    /// It may have been revoked: nothing was heard for too long.
    Unknown,
}

/// Whether an identifier was taken for the first time.
pub(crate) enum TakenOnce {
    Known(Result<bool, StoreError>),
    Wait(Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send>>),
}

impl Standing {
    /// The rejection of a request of the caller; `None` if it is admitted.
    pub(crate) fn refusal(self) -> Option<Rejection> {
        match self {
            Self::Good => None,
            Self::Revoked => Some(TokenError::Revoked.into()),
            Self::Unknown => Some(Rejection::RevocationUnknown),
        }
    }
}

impl Fleet {
    /// Reads the logouts that the store knows, before the service takes requests: for at most 2 s.
    ///
    /// Otherwise the first requests wait for it, for at most 250 ms.
    ///
    /// A service may start without the store: then ignore an error that is not
    /// [of the set-up](StoreError::is_of_setup).
    ///
    /// # Errors
    ///
    /// Fails if the store does not respond, does not return all logouts in time, or rejects this
    /// process. A
    /// [strict](super::FleetBuilder::strict) fleet also fails if it cannot [open the
    /// logouts](Self::opens_logouts) of the store.
    pub async fn start(&self) -> Result<(), StoreError> {
        self.listen();
        let read = timeout(START, listen::read_log(&self.0, None)).await;
        let read = read.unwrap_or_else(|_| {
            let problem = format!("did not return all logouts within {START:?}");
            Err(self.0.link.error(&problem))
        });
        if let Err(error) = &read {
            observe::store_unavailable(&error.to_string(), error.is_of_setup());
            self.0.heard.tried();
        }
        read?;
        match self.0.silence {
            Some(_) if !self.opens_logouts() => Err(self.0.link.error(UNREADABLE).of_setup()),
            _ => Ok(()),
        }
    }

    /// Whether a key of the ring opens the newest logout that was read in the store. If not,
    /// logouts of other replicas are missed, which counts as silence: they have other keys, or a
    /// key is gone from this ring.
    pub fn opens_logouts(&self) -> bool {
        self.0.heard.is_readable()
    }

    /// Whether the logouts that the store knows were read once, for a readiness probe. It is
    /// `false` while they do not [open](Self::opens_logouts).
    pub fn is_ready(&self) -> bool {
        self.listen();
        self.0.heard.is_once()
    }

    /// Revokes the tokens of a user or a session that were issued until then, at all replicas.
    ///
    /// In this process they are revoked at once, even if it fails or its future is dropped. Then
    /// the others hear of it when the store responds again.
    ///
    /// # Errors
    ///
    /// Fails if the store does not respond: other replicas do not know yet. Call it again, in case
    /// this process ends before.
    pub async fn revoke(
        &self,
        issuer: &Issuer,
        of: Revoked,
        until: UnixTime,
    ) -> Result<(), StoreError> {
        let mark = self.mark(issuer, of, until);
        self.0.learn(&mark, "own");
        self.append(&mark, &[]).await.map(drop)
    }

    /// Revokes once for an event, such as a logout token. Returns `false`, and revokes nothing, if
    /// the event was used before.
    ///
    /// `issuer` and `jti` identify the event. If its future is dropped, the tokens are revoked as
    /// if it had failed: a sender may close the connection at any time.
    ///
    /// # Errors
    ///
    /// Fails if the store does not respond. In this process the tokens are revoked then, and the
    /// same event takes effect when it is sent again.
    pub(crate) async fn revoke_once(
        &self,
        issuer: &Issuer,
        jti: &str,
        of: Revoked,
        until: UnixTime,
    ) -> Result<bool, StoreError> {
        let names = self.0.ring.current().event_names(issuer.as_str(), jti);
        self.append(&self.mark(issuer, of, until), &names).await
    }

    /// Takes an identifier once, for all replicas: `true` the first time. `scope` is the party that
    /// must not repeat it.
    ///
    /// # Errors
    ///
    /// Fails if the store does not respond. Treat the identifier as used.
    pub async fn take_once(
        &self,
        scope: &str,
        id: &str,
        lifetime: Duration,
    ) -> Result<bool, StoreError> {
        let inner = &self.0;
        let is_first = inner.replays.take(scope, id, lifetime)?;
        if !is_first || !inner.is_shared {
            return Ok(is_first);
        }
        let names = inner.ring.current().replay_names(scope, id);
        let take = || inner.store.take(&names, lifetime);
        inner.link.take(take).await
    }

    /// As [`take_once`](Self::take_once), at once where this process knows the outcome.
    pub(crate) fn take_once_or_wait(
        &self,
        scope: &'static str,
        id: &str,
        lifetime: Duration,
    ) -> TakenOnce {
        let taken = self.0.replays.take(scope, id, lifetime);
        if !matches!(taken, Ok(true)) || !self.0.is_shared {
            return TakenOnce::Known(taken);
        }
        let names = self.0.ring.current().replay_names(scope, id);
        let inner = Arc::clone(&self.0);
        TakenOnce::Wait(Box::pin(async move {
            let take = || inner.store.take(&names, lifetime);
            inner.link.take(take).await
        }))
    }

    /// The secrets of nonces, which all replicas have.
    pub(crate) fn nonce_keys(&self) -> Option<NonceKeys> {
        self.0.ring.current().nonce_keys()
    }

    fn mark(&self, issuer: &Issuer, of: Revoked, until: UnixTime) -> RevocationMark {
        let now = self.0.clock.now();
        RevocationMark {
            issuer: issuer.clone(),
            of,
            until,
            // A clock that is ahead must not extend it without end.
            ends_at: now.max(until).saturating_add(self.0.longest_token),
        }
    }

    async fn append(&self, mark: &RevocationMark, once: &[StoreKey]) -> Result<bool, StoreError> {
        self.listen();
        let inner = &self.0;
        let mut appending = Appending {
            fleet: inner,
            mark,
            outcome: None,
        };
        let record = mark.seal(&inner.ring.current(), random::nonce);
        let record = record.ok_or_else(|| StoreError::new("has no sealed record to append"))?;
        let append = || {
            let retention = inner.longest_token * 2;
            inner.store.append(Bytes::from(record), once, retention)
        };
        let appended = inner.link.append(append).await?;
        appending.outcome = Some(appended);
        Ok(appended)
    }

    /// Whether a logout that this process knows covers the token of this caller. Does no I/O, and
    /// does not say whether the store was heard lately.
    pub fn is_revoked<C>(&self, caller: &Caller<C>) -> bool {
        self.0.marks.cover(caller, self.0.clock.now())
    }

    /// What is known of a caller. Does no I/O.
    pub(crate) fn standing(&self, caller: &Caller) -> Standing {
        self.listen();
        let inner = &self.0;
        if inner.marks.cover(caller, inner.clock.now()) {
            return Standing::Revoked;
        }
        match inner.silence {
            Some(silence) if !inner.heard.is_within(silence) => Standing::Unknown,
            _ => Standing::Good,
        }
    }

    /// Waits until the logouts that the store knows were read once, for at most 250 ms; `None` if
    /// they were, or that has failed.
    pub(crate) fn first_attempt(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>> {
        self.listen();
        let first = self.0.heard.first_attempt()?;
        Some(Box::pin(first))
    }

    /// Completes when a token may have been revoked since this call.
    pub(crate) fn changed(&self) -> Pin<Box<OwnedNotified>> {
        Box::pin(Arc::clone(self.0.marks.changed()).notified_owned())
    }

    /// How often tokens were revoked.
    pub(crate) fn revocations(&self) -> u64 {
        self.0.marks.revocations()
    }

    /// Starts the task that listens, unless it runs.
    fn listen(&self) {
        listen::start(&self.0);
    }
}

/// A logout on its way to the store. Without an outcome when this is dropped, it has failed, or its
/// caller does not wait any more.
struct Appending<'f> {
    fleet: &'f Inner,
    mark: &'f RevocationMark,
    /// Whether it was new.
    outcome: Option<bool>,
}

impl Drop for Appending<'_> {
    fn drop(&mut self) {
        if self.outcome != Some(false) {
            self.fleet.learn(self.mark, "own");
        }
        if self.outcome.is_none() {
            self.fleet.owe(self.mark);
        }
    }
}

impl Inner {
    /// Keeps a mark that the store did not take, for when it responds again.
    fn owe(&self, mark: &RevocationMark) {
        let key = self.marks.key_of(mark);
        self.owed.add(key.map(|key| (key, mark.clone())));
    }

    /// Appends marks that the store did not take, or that it has lost.
    pub(super) async fn append_owed(&self) {
        for (key, mark) in self.owed.some() {
            // Without a record, the system has no random bytes.
            let Some(record) = mark.seal(&self.ring.current(), random::nonce) else {
                return;
            };
            let append = || {
                let retention = self.longest_token * 2;
                self.store.append(Bytes::from(record), &[], retention)
            };
            if self.link.append(append).await.is_err() {
                return;
            }
            self.owed.written(key, &mark);
        }
    }

    /// Adds a mark of the log or an announcement; ignores one that no key of the ring has sealed.
    pub(super) fn hear(
        &self,
        record: &[u8],
        source: &'static str,
    ) -> Result<RevocationMark, Unopened> {
        let opened = RevocationMark::open(&self.ring.current(), record);
        match &opened {
            Ok(mark) => self.learn(mark, source),
            Err(error) => self.ignored("mark", error.code()),
        }
        opened
    }

    /// Counts a value that is not used; logs it now and then, since it may be written on purpose.
    pub(super) fn ignored(&self, kind: &'static str, reason: &'static str) {
        let mut logged = self.ignored_at.lock();
        let is_due = logged.is_none_or(|at| at.elapsed() >= LOGGED_EVERY);
        if is_due {
            *logged = Some(Instant::now());
        }
        observe::value_ignored(kind, reason, is_due);
    }

    fn learn(&self, mark: &RevocationMark, source: &'static str) {
        // While a store's panic unwinds, a second panic of a log's layer would end the process.
        if self.marks.insert(mark, self.clock.now()) && !thread::panicking() {
            observe::revoked(&mark.issuer, source, self.marks.count());
        }
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("store", &self.0.store)
            .field("strict", &self.0.silence)
            .finish_non_exhaustive()
    }
}
