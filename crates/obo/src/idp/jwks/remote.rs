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

/// The key set of one issuer, and the wall clock that says beside the monotonic one how old it is.
#[derive(Clone)]
pub(crate) struct Jwks(Arc<Inner>, Clock);

struct Inner {
    server: AuthorizationServer,
    key_refresh: KeyRefresh,
    set: Cached<Published, RefreshError>,
    /// Names of keys are a stranger's text, so what stands for them is keyed.
    hasher: RandomState,
}

struct Published {
    keys: Arc<KeySet>,
    document: Bytes,
    /// Counts documents that differ: what was verified under one is not vouched for by another.
    generation: NonZeroU64,
}

/// What the set has for a token.
pub(crate) enum Lookup {
    /// The key, and the generation of the set it is in.
    Key(Arc<VerificationKey>, NonZeroU64),
    Refused(TokenError),
    /// Nothing as yet: ask again after this.
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

    /// The key for a token that names `kid` and `algorithm`; never waits by itself.
    pub(crate) fn lookup(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup {
        let (now, wall) = (Instant::now(), self.1.now());
        let set = self.0.set.load();
        let Some(set) = set.as_ref().filter(|set| set.is_usable(now, wall)) else {
            return self.wait_unless_paused(now);
        };
        if !self.is_tended(set, now, wall) {
            return self.wait();
        }
        match set.value.select(kid, algorithm) {
            Some(lookup) => lookup,
            None => self.unknown(kid, algorithm, now),
        }
    }

    /// Fetches the keys unless they are at hand.
    pub(crate) async fn ready(&self) -> Result<(), RefreshError> {
        let (now, wall) = (Instant::now(), self.1.now());
        let lookup = match self.0.set.usable(now, wall) {
            None => self.wait_unless_paused(now),
            Some(set) if self.is_tended(&set, now, wall) => return Ok(()),
            Some(_) => self.wait(),
        };
        let refreshed = match lookup {
            Lookup::Wait(refresh) => refresh.await.unwrap_or_else(|it| Err(it.into())),
            Lookup::Unavailable(error) => Err(error),
            Lookup::Key(..) | Lookup::Refused(_) => Ok(()),
        };
        match self.0.set.usable(Instant::now(), self.1.now()) {
            // An older set may go on being used.
            Some(_) => Ok(()),
            None => refreshed.and(Err(RefreshError::outdated())),
        }
    }

    /// How it stands with the keys; neither waits nor fetches.
    pub(crate) fn status(&self) -> KeyStatus {
        let (now, wall) = (Instant::now(), self.1.now());
        let set = self.0.set.load();
        let set = set.as_ref();
        let last_error = self.0.set.last_error().map(|error| error.code);
        KeyStatus {
            issuer: self.0.server.issuer().clone(),
            is_usable: set.is_some_and(|set| set.is_usable(now, wall)),
            is_untried: set.is_none() && last_error.is_none(),
            keys: set.map_or(0, |set| set.value.keys.len()),
            skipped: set.map_or(0, |set| set.value.keys.skipped()),
            age: set.map(|set| now.saturating_duration_since(set.at)),
            last_error,
        }
    }

    /// Whether there was a set ever; without one, fetches it in the background unless a failure is just past.
    pub(crate) fn has_started(&self) -> bool {
        let has_started = self.0.set.load().is_some();
        if !has_started {
            // The fetch goes on by itself.
            let _ = self.wait_unless_paused(Instant::now());
        }
        has_started
    }

    /// Whether the set of that generation is the one that is published now.
    pub(crate) fn vouches(&self, generation: NonZeroU64, wall: UnixTime) -> bool {
        let now = Instant::now();
        let set = self.0.set.load();
        set.as_ref().is_some_and(|set| {
            set.value.generation == generation
                && set.is_usable(now, wall)
                && self.is_tended(set, now, wall)
        })
    }

    /// Starts a renewal that is due; false when the set must not be used before one.
    fn is_tended(&self, set: &Entry<Published>, now: Instant, wall: UnixTime) -> bool {
        self.0.set.tend(set, (now, wall), || self.fetch())
    }

    /// As [`lookup`](Self::lookup) after a wait for `refreshed`: it never asks to wait again.
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

    /// A rotation that this service has not seen yet, or a forged name: a fetch tells, as long as the budget lasts.
    fn unknown(&self, kid: Option<&str>, algorithm: Algorithm, now: Instant) -> Lookup {
        let last_fetch = self.0.set.plan(|calendar| {
            // Under the lock, so that whoever comes after the one who took from the budget finds the fetch.
            if let Some(refresh) = self.0.set.under_way() {
                return Err(Lookup::Wait(refresh));
            }
            let schedule = &mut calendar.schedule;
            if schedule.take_for(self.0.name("unknown", kid), now) {
                return Err(self.wait());
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
            // A fetch may have landed since the set was read.
            Ok(last_fetch) => self.lookup_again(kid, algorithm, last_fetch),
            Err(lookup) => lookup,
        }
    }

    /// What to wait for before a token is refused whose signature does not verify by the key it names: the key may have
    /// been replaced under its old name. The fetch is from the same budget as those for unknown keys.
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
            None => self.wait(),
            Some((pause, error)) => Lookup::Unavailable(RefreshError {
                code: error.code,
                problem: "the last fetch failed".to_owned(),
                retry_after: pause,
            }),
        }
    }

    fn wait(&self) -> Lookup {
        let unstarted = || RefreshError::interrupted("the fetch could not be started");
        self.refresh()
            .map_or_else(|| Lookup::Unavailable(unstarted()), Lookup::Wait)
    }

    /// Starts a fetch or joins the one under way.
    fn refresh(&self) -> Option<Refresh> {
        self.0.set.refresh(|| self.fetch()).ok()
    }

    fn fetch(&self) -> impl Future<Output = Result<(), RefreshError>> + Send + use<> {
        refresh(Arc::clone(&self.0), self.1.clone())
    }
}

impl Published {
    /// What the set has for a token; `None` for an unknown key.
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
    /// What stands for a key, for the schedule's budget.
    fn name(&self, why: &str, kid: Option<&str>) -> u64 {
        self.hasher.hash_one((why, kid))
    }

    fn publish(&self, fetched: Fetched, now: Instant, wall: UnixTime) {
        let max_age = self.key_refresh.max_age_of(fetched.fresh_for);
        let known = self.set.load().clone();
        self.set.publish(max_age, |schedule| {
            // A set that is suddenly empty withdraws every key; a server's hiccup looks the same, so it takes two.
            let withdraws_all = known.as_ref().is_some_and(|known| {
                fetched.keys.is_empty()
                    && known.is_usable(now, wall)
                    && !known.value.keys.is_empty()
            });
            if withdraws_all && !schedule.believes_empty(now, max_age) {
                return None;
            }
            // The same document again is the same generation.
            let (keys, generation) = match known {
                Some(known) if known.value.document == fetched.document => {
                    (Arc::clone(&known.value.keys), known.value.generation)
                }
                known => {
                    observe::keys_skipped(self.server.issuer(), &fetched.keys);
                    let next =
                        |known: Arc<Entry<Published>>| known.value.generation.saturating_add(1);
                    (Arc::new(fetched.keys), known.map_or(NonZeroU64::MIN, next))
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
