use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU64;
use std::sync::Arc;

use bytes::Bytes;
use obo_core::{Algorithm, KeySet, Selection, TokenError, UnixTime, VerificationKey};
use tokio::time::Instant;

use super::fetch::{Fetched, RefreshError, fetch};
use super::{KeyRefresh, KeyStatus};
use crate::clock::Clock;
use crate::idp::cached::{Cached, Entry};
use crate::idp::flight::{Flight, Interrupted};
use crate::idp::server::AuthorizationServer;
use crate::{observe, random};

/// The key set of one issuer, and the wall clock by which its age is measured too.
#[derive(Clone)]
pub(crate) struct Jwks(Arc<Inner>, Clock);

struct Inner {
    server: AuthorizationServer,
    key_refresh: KeyRefresh,
    set: Cached<Published, RefreshError>,
    /// Names of keys are untrusted text, so their hashes are keyed.
    hasher: RandomState,
}

struct Published {
    keys: Arc<KeySet>,
    document: Bytes,
    /// Counts different documents: a token that was verified under one is verified again under the
    /// next.
    generation: NonZeroU64,
}

/// The result of a lookup for a token.
pub(crate) enum Lookup {
    /// The key, and the generation of its set.
    Key(Arc<VerificationKey>, NonZeroU64),
    Refused(TokenError),
    /// Nothing yet: look up again after this.
    Wait(Refresh),
    Unavailable(RefreshError),
}

/// A fetch under way, shared by all who wait for it.
pub(crate) type Refresh = Flight<Result<(), RefreshError>>;

impl From<Interrupted> for RefreshError {
    fn from(_: Interrupted) -> Self {
        Self::interrupted("the fetch was interrupted")
    }
}

impl Jwks {
    /// The keys of `server`, by this wall clock.
    pub(crate) fn new(server: AuthorizationServer, key_refresh: KeyRefresh, clock: Clock) -> Self {
        let inner = Arc::new(Inner {
            server,
            key_refresh,
            set: Cached::new(key_refresh.pace()),
            hasher: RandomState::new(),
        });
        Self(inner, clock)
    }

    /// Returns the key for a token that names `kid` and `algorithm`; never waits itself.
    pub(crate) fn lookup(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup {
        let (now, wall) = (Instant::now(), self.1.now());
        let set = self.0.set.load();
        let Some(set) = set.as_ref().filter(|set| set.is_usable(now, wall)) else {
            return self.wait_unless_paused(now);
        };
        if !self.is_usable_now(set, now, wall) {
            return Self::wait(self.refresh_since(now));
        }
        match set.value.select(kid, algorithm) {
            Some(lookup) => lookup,
            None => self.unknown(kid, algorithm, now),
        }
    }

    /// The cached key for a token; `None` if no usable key set is cached. Never causes a fetch.
    pub(crate) fn cached(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Option<Result<Arc<VerificationKey>, TokenError>> {
        let set = self.0.set.usable(Instant::now(), self.1.now())?;
        Some(match set.value.keys.select(kid, algorithm) {
            Selection::Key(key) => Ok(Arc::clone(key)),
            Selection::Misfit => Err(TokenError::Algorithm),
            Selection::Ambiguous => Err(TokenError::AmbiguousKey),
            Selection::Unknown => Err(TokenError::UnknownKey),
        })
    }

    /// Fetches the keys unless they are cached.
    pub(crate) async fn ready(&self) -> Result<(), RefreshError> {
        let (now, wall) = (Instant::now(), self.1.now());
        let lookup = match self.0.set.usable(now, wall) {
            None => self.wait_unless_paused(now),
            Some(set) if self.is_usable_now(&set, now, wall) => return Ok(()),
            Some(_) => Self::wait(self.refresh_since(now)),
        };
        let refreshed = match lookup {
            Lookup::Wait(refresh) => refresh.await.unwrap_or_else(|it| Err(it.into())),
            Lookup::Unavailable(error) => Err(error),
            Lookup::Key(..) | Lookup::Refused(_) => Ok(()),
        };
        match self.0.set.usable(Instant::now(), self.1.now()) {
            // An older set may stay in use.
            Some(_) => Ok(()),
            None => refreshed.and(Err(RefreshError::outdated())),
        }
    }

    /// The status of the keys; neither waits nor fetches.
    pub(crate) fn status(&self) -> KeyStatus {
        let (now, wall) = (Instant::now(), self.1.now());
        let set = self.0.set.load();
        let set = set.as_ref();
        let error = self.0.set.last_error();
        let last_error = error.as_ref().map(|error| error.code);
        KeyStatus {
            issuer: self.0.server.issuer().clone(),
            is_usable: set.is_some_and(|set| set.is_usable(now, wall)),
            is_untried: set.is_none() && last_error.is_none(),
            keys: set.map_or(0, |set| set.value.keys.len()),
            skipped: set.map_or(0, |set| set.value.keys.skipped()),
            age: set.map(|set| now.saturating_duration_since(set.at)),
            last_error,
            problem: error.map(|error| error.problem),
        }
    }

    /// Whether there has been a set. Without one, fetches it in the background unless a fetch has
    /// just failed.
    pub(crate) fn has_started(&self) -> bool {
        let has_started = self.0.set.load().is_some();
        if !has_started {
            // The fetch continues in the background.
            let _ = self.wait_unless_paused(Instant::now());
        }
        has_started
    }

    /// Whether the current set is of that generation and usable.
    pub(crate) fn vouches(&self, generation: NonZeroU64, wall: UnixTime) -> bool {
        let now = Instant::now();
        let set = self.0.set.load();
        set.as_ref().is_some_and(|set| {
            set.value.generation == generation
                && set.is_usable(now, wall)
                && self.is_usable_now(set, now, wall)
        })
    }

    /// Starts a renewal that is due. Returns false if the set must be renewed before use.
    fn is_usable_now(&self, set: &Entry<Published>, now: Instant, wall: UnixTime) -> bool {
        self.0.set.tend(set, (now, wall), || self.fetch())
    }

    /// As [`lookup`](Self::lookup), after a wait for `refreshed`; never asks to wait again.
    pub(crate) fn lookup_again(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        refreshed: Result<(), RefreshError>,
    ) -> Lookup {
        let set = self.0.set.usable(Instant::now(), self.1.now());
        match (set.map(|set| set.value.select(kid, algorithm)), refreshed) {
            (Some(Some(lookup)), _) => lookup,
            (_, Err(error)) => Lookup::Unavailable(error),
            (Some(None), Ok(())) => Lookup::Refused(TokenError::UnknownKey),
            (None, Ok(())) => Lookup::Unavailable(RefreshError::outdated()),
        }
    }

    /// As [`lookup_again`](Self::lookup_again), with the wait.
    pub(crate) async fn lookup_after(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        refresh: Refresh,
    ) -> Lookup {
        let refreshed = refresh.await.unwrap_or_else(|it| Err(it.into()));
        self.lookup_again(kid, algorithm, refreshed)
    }

    /// Either a rotation that this service has not seen, or a forged name. A fetch decides, while
    /// the budget lasts.
    fn unknown(&self, kid: Option<&str>, algorithm: Algorithm, now: Instant) -> Lookup {
        let last_fetch = self.0.set.plan(|calendar| {
            // Under the lock, so that concurrent requests find the fetch.
            if let Some(refresh) = self.0.set.under_way() {
                return Err(Lookup::Wait(refresh));
            }
            let schedule = &mut calendar.schedule;
            if schedule.take_for(self.0.name("unknown", kid), now) {
                return Err(Self::wait(self.refresh()));
            }
            Ok(match &calendar.last_error {
                Some(error) => Err(RefreshError {
                    code: error.code,
                    problem: "the key is not known and the last fetch failed".to_owned(),
                    retry_after: schedule.pause(now).unwrap_or(self.0.key_refresh.cooldown),
                }),
                None => Ok(()),
            })
        });
        match last_fetch {
            // A fetch may have succeeded since the set was read.
            Ok(last_fetch) => self.lookup_again(kid, algorithm, last_fetch),
            Err(lookup) => lookup,
        }
    }

    /// What to wait for before a token is refused because its signature does not verify: the key
    /// may have been replaced under the same name. The fetch is taken from the budget for unknown
    /// keys.
    pub(crate) fn doubt(&self, kid: Option<&str>) -> Option<Refresh> {
        self.0.set.plan(|calendar| {
            if let Some(refresh) = self.0.set.under_way() {
                return Some(refresh);
            }
            let name = self.0.name("signature", kid);
            let is_taken = calendar.schedule.take_for(name, Instant::now());
            is_taken.then(|| self.refresh())?
        })
    }

    fn wait_unless_paused(&self, now: Instant) -> Lookup {
        match self.0.set.pause(now) {
            None => Self::wait(self.refresh_since(now)),
            Some((pause, error)) => Lookup::Unavailable(RefreshError {
                code: error.code,
                problem: "the last fetch failed".to_owned(),
                retry_after: pause,
            }),
        }
    }

    fn wait(refresh: Option<Refresh>) -> Lookup {
        let unstarted = || RefreshError::interrupted("the fetch could not be started");
        refresh.map_or_else(|| Lookup::Unavailable(unstarted()), Lookup::Wait)
    }

    /// Starts a fetch or joins the one under way.
    fn refresh(&self) -> Option<Refresh> {
        self.0.set.refresh(|| self.fetch()).ok()
    }

    /// As [`refresh`](Self::refresh), unless one has ended since the set was read at `now`.
    fn refresh_since(&self, now: Instant) -> Option<Refresh> {
        self.0.set.refresh_since(now, || self.fetch()).ok()
    }

    fn fetch(&self) -> impl Future<Output = Result<(), RefreshError>> + Send + use<> {
        refresh(Arc::clone(&self.0), self.1.clone())
    }
}

impl Published {
    /// The result for a token; `None` for an unknown key.
    fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Lookup> {
        Some(match self.keys.select(kid, algorithm) {
            Selection::Key(key) => Lookup::Key(Arc::clone(key), self.generation),
            Selection::Misfit => Lookup::Refused(TokenError::Algorithm),
            Selection::Ambiguous => Lookup::Refused(TokenError::AmbiguousKey),
            Selection::Unknown => return None,
        })
    }
}

impl Inner {
    /// The number of a key's name in the schedule's budget.
    fn name(&self, why: &str, kid: Option<&str>) -> u64 {
        self.hasher.hash_one((why, kid))
    }

    fn publish(&self, fetched: Fetched, now: Instant, wall: UnixTime) {
        let max_age = self.key_refresh.max_age_of(fetched.fresh_for);
        let known = self.set.load().clone();
        let mut changed = None;
        self.set.publish(max_age, |schedule| {
            // A suddenly empty set withdraws every key, but may be a fault of the server. It is
            // accepted the second time.
            let withdraws_all = known.as_ref().is_some_and(|known| {
                fetched.keys.is_empty()
                    && known.is_usable(now, wall)
                    && !known.value.keys.is_empty()
            });
            if withdraws_all && !schedule.accepts_empty(now, max_age) {
                return None;
            }
            // The same document is the same generation.
            let (keys, generation) = match known {
                Some(known) if known.value.document == fetched.document => {
                    (Arc::clone(&known.value.keys), known.value.generation)
                }
                known => {
                    let next =
                        |known: Arc<Entry<Published>>| known.value.generation.saturating_add(1);
                    let keys = Arc::new(fetched.keys);
                    changed = Some(Arc::clone(&keys));
                    (keys, known.map_or(NonZeroU64::MIN, next))
                }
            };
            let published = Published {
                keys,
                document: fetched.document,
                generation,
            };
            let usable_for = self.key_refresh.stale_if_error;
            Some(Entry::new(published, (now, wall), max_age, usable_for))
        });
        if let Some(keys) = changed {
            observe::keys_skipped(self.server.issuer(), &keys);
        }
    }
}

async fn refresh(inner: Arc<Inner>, clock: Clock) -> Result<(), RefreshError> {
    let fetched = fetch(&inner.server, &clock).await;
    let issuer = inner.server.issuer();
    match fetched {
        Ok(fetched) => {
            observe::keys_fetched(issuer, fetched.keys.len(), fetched.keys.skipped());
            inner.publish(fetched, Instant::now(), clock.now());
            Ok(())
        }
        Err(error) => {
            observe::keys_unavailable(issuer, error.code, &error.problem);
            let pause = error.retry_after;
            inner.set.failed(error.clone(), pause, random::fraction());
            Err(error)
        }
    }
}
