use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use obo_core::{Algorithm, KeySet, Selection, TokenError, UnixTime, VerificationKey};
use tokio::time::Instant;

use super::fetch::{Fetched, RefreshError, fetch};
use super::next_look::NextLook;
use super::schedule::Schedule;
use super::{KeyRefresh, KeyStatus};
use crate::clock::Clock;
use crate::idp::flight::{Flights, Landing};
use crate::idp::server::AuthorizationServer;
use crate::{observe, random};

/// The key set of one issuer, and the wall clock that says beside the monotonic one how old it is.
#[derive(Clone)]
pub(crate) struct Jwks(Arc<Inner>, Clock);

struct Inner {
    server: AuthorizationServer,
    key_refresh: KeyRefresh,
    set: ArcSwapOption<Published>,
    schedule: Mutex<Schedule>,
    /// When the schedule is to be asked next, for requests that have no time to lock it.
    next_look: NextLook,
    flights: Arc<Flights<(), Result<(), RefreshError>>>,
    /// Names of keys are a stranger's text, so what stands for them is keyed.
    hasher: RandomState,
}

struct Published {
    keys: Arc<KeySet>,
    document: Bytes,
    /// Counts documents that differ: what was verified under one is not vouched for by another.
    generation: NonZeroU64,
    at: Instant,
    /// From when on it is renewed before it is used, outages aside.
    outdated_from: Instant,
    /// From when on it is not used, outages or not.
    useless_from: Instant,
    /// The same two on the wall clock, which goes on while the machine sleeps.
    outdated_at: UnixTime,
    useless_at: UnixTime,
    /// Whether it was noticed that the wall clock has left the other one behind.
    is_jump_noticed: AtomicBool,
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
        let inner = Arc::new(Inner {
            server,
            key_refresh,
            set: ArcSwapOption::empty(),
            schedule: Mutex::new(Schedule::new(key_refresh)),
            next_look: NextLook::new(),
            flights: Flights::new(1),
            hasher: RandomState::new(),
        });
        Self(inner, Clock::system())
    }

    /// The same set by another wall clock.
    pub(crate) fn by_clock(&self, clock: &Clock) -> Self {
        Self(Arc::clone(&self.0), clock.clone())
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
        match set.select(kid, algorithm) {
            Selected::Lookup(lookup) => lookup,
            Selected::Unknown => self.unknown(kid, algorithm, now),
        }
    }

    /// Fetches the keys unless they are at hand.
    pub(crate) async fn ready(&self) -> Result<(), RefreshError> {
        let (now, wall) = (Instant::now(), self.1.now());
        let lookup = match self.0.usable(now, wall) {
            None => self.wait_unless_paused(now),
            Some(set) if self.is_tended(&set, now, wall) => return Ok(()),
            Some(_) => self.wait(),
        };
        let refreshed = match lookup {
            Lookup::Wait(refresh) => refresh.await,
            Lookup::Unavailable(error) => Err(error),
            Lookup::Key(..) | Lookup::Refused(_) => Ok(()),
        };
        match self.0.usable(Instant::now(), self.1.now()) {
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
        let last_error = self.0.schedule().last_error();
        KeyStatus {
            issuer: self.0.server.issuer().clone(),
            is_usable: set.is_some_and(|set| set.is_usable(now, wall)),
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
    pub(crate) fn vouches(&self, generation: NonZeroU64, wall: UnixTime) -> bool {
        let now = Instant::now();
        let set = self.0.set.load();
        set.as_ref().is_some_and(|set| {
            set.generation == generation
                && set.is_usable(now, wall)
                && self.is_tended(set, now, wall)
        })
    }

    /// Starts a renewal that is due; false when the set must not be used before one.
    fn is_tended(&self, set: &Published, now: Instant, wall: UnixTime) -> bool {
        self.0.notice_jump(set, now, wall);
        if !self.0.next_look.has_come(now) {
            return true;
        }
        let (is_due, must_renew) = {
            let schedule = self.0.schedule();
            let must_renew = set.is_outdated(now, wall) && schedule.must_renew_outdated(now);
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
        let set = self.0.usable(Instant::now(), self.1.now());
        match (set.map(|set| set.select(kid, algorithm)), refreshed) {
            (Some(Selected::Lookup(lookup)), _) => lookup,
            (_, Err(error)) => Lookup::Unavailable(error),
            (Some(Selected::Unknown), Ok(())) => Lookup::Refused(TokenError::UnknownKey),
            (None, Ok(())) => Lookup::Unavailable(RefreshError::outdated()),
        }
    }

    /// A rotation that this service has not seen yet, or a forged name: a fetch tells, as long as the budget lasts.
    fn unknown(&self, kid: Option<&str>, algorithm: Algorithm, now: Instant) -> Lookup {
        let mut schedule = self.0.schedule();
        // Under the lock, so that whoever comes after the one who took from the budget finds the fetch.
        if let Some(refresh) = self.under_way() {
            return Lookup::Wait(refresh);
        }
        if schedule.take_for(self.0.name("unknown", kid), now) {
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

    /// What to wait for before a token is refused whose signature does not verify by the key it names: the key may have
    /// been replaced under its old name. The fetch is from the same budget as those for unknown keys.
    pub(crate) fn doubt(&self, kid: Option<&str>) -> Option<Refresh> {
        let mut schedule = self.0.schedule();
        if let Some(refresh) = self.under_way() {
            return Some(refresh);
        }
        let is_taken = schedule.take_for(self.0.name("signature", kid), Instant::now());
        is_taken.then(|| self.refresh())?
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
        let (inner, clock) = (Arc::clone(&self.0), self.1.clone());
        let flight = self.0.flights.join((), 0, || {
            observe::Cause::here().within(refresh(inner, clock))
        });
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
    fn is_usable(&self, now: Instant, wall: UnixTime) -> bool {
        now < self.useless_from && wall < self.useless_at
    }

    fn is_outdated(&self, now: Instant, wall: UnixTime) -> bool {
        now >= self.outdated_from || wall >= self.outdated_at
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
    /// What stands for a key, for the schedule's budget.
    fn name(&self, why: &str, kid: Option<&str>) -> u64 {
        self.hasher.hash_one((why, kid))
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self, now: Instant, wall: UnixTime) -> Option<Arc<Published>> {
        let set = self.set.load_full();
        set.filter(|set| set.is_usable(now, wall))
    }

    /// Makes a renewal due, once, where a set is outdated by the wall clock alone: the machine slept, or the clock was set.
    fn notice_jump(&self, set: &Published, now: Instant, wall: UnixTime) {
        if wall < set.outdated_at
            || now >= set.outdated_from
            || set.is_jump_noticed.load(Ordering::Acquire)
        {
            return;
        }
        let mut schedule = self.schedule();
        if !set.is_jump_noticed.load(Ordering::Acquire) {
            schedule.jumped(now);
            self.next_look.set(schedule.due());
            set.is_jump_noticed.store(true, Ordering::Release);
        }
    }

    fn publish(&self, fetched: Fetched, now: Instant, wall: UnixTime) {
        let Fetched {
            keys,
            document,
            fresh_for,
        } = fetched;
        let max_age = self.key_refresh.max_age_of(fresh_for);
        let known = self.set.load_full();
        let mut schedule = self.schedule();
        // A set that is suddenly empty withdraws every key; a server's hiccup looks the same, so it takes two.
        let withdraws_all = known.as_ref().is_some_and(|known| {
            keys.is_empty() && known.is_usable(now, wall) && !known.keys.is_empty()
        });
        if withdraws_all && !schedule.believes_empty(now, max_age) {
            self.next_look.set(schedule.due());
            return;
        }
        // The same document again is the same generation.
        let (keys, generation) = match known {
            Some(known) if known.document == document => {
                (Arc::clone(&known.keys), known.generation)
            }
            known => {
                observe::keys_skipped(self.server.issuer(), &keys);
                let generation =
                    known.map_or(NonZeroU64::MIN, |known| known.generation.saturating_add(1));
                (Arc::new(keys), generation)
            }
        };
        self.set.store(Some(Arc::new(Published {
            keys,
            document,
            generation,
            at: now,
            outdated_from: now + max_age,
            useless_from: now + self.key_refresh.stale_if_error,
            outdated_at: wall.saturating_add(max_age),
            useless_at: wall.saturating_add(self.key_refresh.stale_if_error),
            is_jump_noticed: AtomicBool::new(false),
        })));
        schedule.succeeded(now, max_age);
        self.next_look.set(schedule.due());
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
            let (code, pause) = (error.code, error.retry_after);
            let mut schedule = inner.schedule();
            schedule.failed(Instant::now(), code, pause, random::fraction());
            inner.next_look.set(schedule.due());
            Err(error)
        }
    }
}
