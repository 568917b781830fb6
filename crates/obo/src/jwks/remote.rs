use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::time::Instant;

use super::fetch::{Fetched, RefreshError, fetch};
use super::next_look::NextLook;
use super::schedule::Schedule;
use super::{KeyRefresh, KeyStatus};
use crate::flight::{Flights, Landing};
use crate::{
    Algorithm, AuthorizationServer, KeySet, Selection, TokenError, VerificationKey, observe, random,
};

/// The key set of one issuer.
#[derive(Clone)]
pub(crate) struct Jwks(Arc<Inner>);

struct Inner {
    server: AuthorizationServer,
    key_refresh: KeyRefresh,
    set: ArcSwapOption<Published>,
    schedule: Mutex<Schedule>,
    /// When the schedule is to be asked next, for requests that have no time to lock it.
    next_look: NextLook,
    flights: Arc<Flights<(), Result<(), RefreshError>>>,
}

struct Published {
    keys: Arc<KeySet>,
    document: Bytes,
    /// Counts documents that differ: what was verified under one is not vouched for by another.
    generation: u64,
    at: Instant,
    /// From when on it is renewed before it is used, outages aside.
    outdated_from: Instant,
    /// From when on it is not used, outages or not.
    useless_from: Instant,
}

/// What the set has for a token.
pub(crate) enum Lookup {
    /// The key, and the generation of the set it is in.
    Key(Arc<VerificationKey>, u64),
    Refused(TokenError),
    /// Nothing as yet: ask again after this.
    Wait(Refresh),
    Unavailable(RefreshError),
}

/// A fetch under way, shared by all who wait for it.
pub(crate) struct Refresh(Landing<Result<(), RefreshError>>);

impl Future for Refresh {
    type Output = Result<(), RefreshError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let landed = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(
            landed.unwrap_or_else(|_| Err(RefreshError::interrupted("the fetch was interrupted"))),
        )
    }
}

impl Jwks {
    pub(crate) fn new(server: AuthorizationServer) -> Self {
        let key_refresh = server.keys_refreshed();
        Self(Arc::new(Inner {
            server,
            key_refresh,
            set: ArcSwapOption::empty(),
            schedule: Mutex::new(Schedule::new(key_refresh)),
            next_look: NextLook::new(),
            flights: Flights::new(1),
        }))
    }

    /// The key for a token that names `kid` and `algorithm`; never waits by itself.
    pub(crate) fn lookup(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup {
        let now = Instant::now();
        let set = self.0.set.load();
        let Some(set) = set.as_ref().filter(|set| set.is_usable(now)) else {
            return self.wait_unless_paused(now);
        };
        if !self.is_tended(set, now) {
            return self.wait();
        }
        match set.select(kid, algorithm) {
            Selected::Lookup(lookup) => lookup,
            Selected::Unknown => self.unknown(kid, algorithm, now),
        }
    }

    /// Fetches the keys unless they are at hand.
    pub(crate) async fn ready(&self) -> Result<(), RefreshError> {
        let now = Instant::now();
        let lookup = match self.0.usable(now) {
            None => self.wait_unless_paused(now),
            Some(set) if self.is_tended(&set, now) => return Ok(()),
            Some(_) => self.wait(),
        };
        let refreshed = match lookup {
            Lookup::Wait(refresh) => refresh.await,
            Lookup::Unavailable(error) => Err(error),
            Lookup::Key(..) | Lookup::Refused(_) => Ok(()),
        };
        match self.0.usable(Instant::now()) {
            // An older set may go on being used.
            Some(_) => Ok(()),
            None => refreshed.and(Err(RefreshError::outdated())),
        }
    }

    /// How it stands with the keys; neither waits nor fetches.
    pub(crate) fn status(&self) -> KeyStatus {
        let now = Instant::now();
        let set = self.0.set.load();
        let set = set.as_ref();
        let last_error = self.0.schedule().last_error();
        KeyStatus {
            issuer: self.0.server.issuer().clone(),
            is_usable: set.is_some_and(|set| set.is_usable(now)),
            is_untried: set.is_none() && last_error.is_none(),
            keys: set.map_or(0, |set| set.keys.len()),
            skipped: set.map_or(0, |set| set.keys.skipped()),
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
    pub(crate) fn vouches(&self, generation: u64) -> bool {
        let now = Instant::now();
        let set = self.0.set.load();
        set.as_ref().is_some_and(|set| {
            set.generation == generation && set.is_usable(now) && self.is_tended(set, now)
        })
    }

    /// Starts a renewal that is due; false when the set must not be used before one.
    fn is_tended(&self, set: &Published, now: Instant) -> bool {
        if !self.0.next_look.has_come(now) {
            return true;
        }
        let (is_due, must_renew) = {
            let schedule = self.0.schedule();
            let must_renew = now >= set.outdated_from && schedule.must_renew_outdated(now);
            (schedule.is_due(now), must_renew)
        };
        if is_due && !must_renew {
            // It goes on by itself.
            let _ = self.refresh();
        }
        !must_renew
    }

    /// As [`lookup`](Self::lookup) after a wait for `refreshed`: it never asks to wait again.
    pub(crate) fn lookup_again(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        refreshed: Result<(), RefreshError>,
    ) -> Lookup {
        let now = Instant::now();
        let set = self.0.usable(now);
        match (set.map(|set| set.select(kid, algorithm)), refreshed) {
            (Some(Selected::Lookup(lookup)), _) => lookup,
            (_, Err(error)) => Lookup::Unavailable(error),
            (Some(Selected::Unknown), Ok(())) => Lookup::Refused(TokenError::UnknownKey),
            (None, Ok(())) => Lookup::Unavailable(RefreshError::outdated()),
        }
    }

    /// A rotation that this service has not seen yet, or a made-up name: one fetch per cooldown tells.
    fn unknown(&self, kid: Option<&str>, algorithm: Algorithm, now: Instant) -> Lookup {
        let mut schedule = self.0.schedule();
        // Under the lock, so that whoever comes after the one who took the ration finds the fetch.
        if let Some(refresh) = self.under_way() {
            return Lookup::Wait(refresh);
        }
        if schedule.take_for_unknown_key(now) {
            return self.wait();
        }
        let last_fetch = match schedule.last_error() {
            Some(code) => Err(RefreshError {
                code,
                problem: "the key is not known and the last fetch failed".to_owned(),
                retry_after: schedule.pause(now).unwrap_or(self.0.key_refresh.cooldown),
            }),
            None => Ok(()),
        };
        // A fetch may have landed since the set was read.
        self.lookup_again(kid, algorithm, last_fetch)
    }

    fn wait_unless_paused(&self, now: Instant) -> Lookup {
        let paused = {
            let schedule = self.0.schedule();
            schedule.pause(now).zip(schedule.last_error())
        };
        match paused {
            None => self.wait(),
            Some((pause, code)) => Lookup::Unavailable(RefreshError {
                code,
                problem: "the last fetch failed".to_owned(),
                retry_after: pause,
            }),
        }
    }

    fn wait(&self) -> Lookup {
        match self.refresh() {
            Some(refresh) => Lookup::Wait(refresh),
            None => {
                Lookup::Unavailable(RefreshError::interrupted("the fetch could not be started"))
            }
        }
    }

    /// Starts a fetch or joins the one under way.
    fn refresh(&self) -> Option<Refresh> {
        let inner = Arc::clone(&self.0);
        let flight = self.0.flights.join((), || refresh(inner));
        flight.ok().map(Refresh)
    }

    fn under_way(&self) -> Option<Refresh> {
        self.0.flights.under_way(&()).map(Refresh)
    }
}

/// What a set says of a token.
enum Selected {
    Lookup(Lookup),
    Unknown,
}

impl Published {
    fn is_usable(&self, now: Instant) -> bool {
        now < self.useless_from
    }

    fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Selected {
        Selected::Lookup(match self.keys.select(kid, algorithm) {
            Selection::Key(key) => Lookup::Key(Arc::clone(key), self.generation),
            Selection::Misfit => Lookup::Refused(TokenError::Algorithm),
            Selection::Ambiguous => Lookup::Refused(TokenError::AmbiguousKey),
            Selection::Unknown => return Selected::Unknown,
        })
    }
}

impl Inner {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self, now: Instant) -> Option<Arc<Published>> {
        self.set.load_full().filter(|set| set.is_usable(now))
    }

    fn publish(&self, fetched: Fetched, now: Instant) {
        let Fetched {
            keys,
            document,
            fresh_for,
        } = fetched;
        let max_age = self.key_refresh.max_age_of(fresh_for);
        let known = self.set.load_full();
        let mut schedule = self.schedule();
        // A set that is suddenly empty withdraws every key; a server's hiccup looks the same, so it takes two.
        let withdraws_all = known
            .as_ref()
            .is_some_and(|known| keys.is_empty() && known.is_usable(now) && !known.keys.is_empty());
        if withdraws_all && !schedule.believes_empty(now, max_age) {
            self.next_look.set(schedule.due());
            return;
        }
        // The same document again is the same generation.
        let (keys, generation) = match known {
            Some(known) if known.document == document => {
                (Arc::clone(&known.keys), known.generation)
            }
            Some(known) => (Arc::new(keys), known.generation + 1),
            None => (Arc::new(keys), 0),
        };
        self.set.store(Some(Arc::new(Published {
            keys,
            document,
            generation,
            at: now,
            outdated_from: now + max_age,
            useless_from: now + self.key_refresh.stale_if_error,
        })));
        schedule.succeeded(now, max_age);
        self.next_look.set(schedule.due());
    }
}

async fn refresh(inner: Arc<Inner>) -> Result<(), RefreshError> {
    let fetched = fetch(&inner.server).await;
    let issuer = inner.server.issuer();
    match fetched {
        Ok(fetched) => {
            observe::keys_fetched(issuer, fetched.keys.len(), fetched.keys.skipped());
            inner.publish(fetched, Instant::now());
            Ok(())
        }
        Err(error) => {
            observe::keys_unavailable(issuer, error.code, &error.problem);
            let (code, pause) = (error.code, error.retry_after);
            let mut schedule = inner.schedule();
            schedule.failed(Instant::now(), code, pause, random::fraction());
            inner.next_look.set(schedule.due());
            Err(error)
        }
    }
}
