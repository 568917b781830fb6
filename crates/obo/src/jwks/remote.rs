use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::StatusCode;
use tokio::time::Instant;

use super::schedule::{COOLDOWN, FIRST_BACKOFF, HARD_LIMIT, Schedule};
use crate::authorization_server::get;
use crate::flight::{Flights, Landing};
use crate::http::Limits;
use crate::{
    Algorithm, AuthorizationServer, KeySet, Selection, TokenError, VerificationKey, observe,
};

const LIMITS: Limits = Limits {
    body: 1024 * 1024,
    deadline: Duration::from_secs(5),
};

/// The key set of one issuer.
#[derive(Clone)]
pub(crate) struct Jwks(Arc<Inner>);

struct Inner {
    server: AuthorizationServer,
    set: ArcSwapOption<Published>,
    schedule: Mutex<Schedule>,
    flights: Arc<Flights<(), Result<(), RefreshError>>>,
}

struct Published {
    keys: KeySet,
    at: Instant,
}

/// What the set has for a token.
pub(crate) enum Lookup {
    Key(Arc<VerificationKey>),
    Refused(TokenError),
    /// Nothing as yet: ask again after this.
    Wait(Refresh),
    Unavailable(RefreshError),
}

/// Why there are no keys, or no new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshError {
    pub(crate) problem: String,
    pub(crate) retry_after: Duration,
}

/// A fetch under way, shared by all who wait for it.
pub(crate) struct Refresh(Landing<Result<(), RefreshError>>);

impl Future for Refresh {
    type Output = Result<(), RefreshError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let landed = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(landed.unwrap_or_else(|_| Err(RefreshError::new("the fetch was interrupted"))))
    }
}

impl Jwks {
    pub(crate) fn new(server: AuthorizationServer) -> Self {
        Self(Arc::new(Inner {
            server,
            set: ArcSwapOption::empty(),
            schedule: Mutex::default(),
            flights: Flights::new(1),
        }))
    }

    /// The key for a token that names `kid` and `algorithm`; never waits by itself.
    pub(crate) fn lookup(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup {
        let now = Instant::now();
        let set = self.0.set.load();
        let Some(set) = set.as_ref().filter(|set| now - set.at < HARD_LIMIT) else {
            let pause = self.0.schedule().pause_without_set(now);
            return match pause {
                None => self.wait(),
                Some(pause) => Lookup::Unavailable(RefreshError {
                    problem: "the last fetch failed".to_owned(),
                    retry_after: pause,
                }),
            };
        };
        let (is_due, is_forgotten) = {
            let schedule = self.0.schedule();
            (schedule.is_due(now), schedule.is_forgotten(now))
        };
        if is_forgotten {
            return self.wait();
        }
        if is_due {
            // It goes on by itself.
            let _ = self.refresh();
        }
        match set.keys.select(kid, algorithm) {
            Selection::Key(key) => Lookup::Key(Arc::clone(key)),
            Selection::Misfit => Lookup::Refused(TokenError::Algorithm),
            Selection::Ambiguous => Lookup::Refused(TokenError::AmbiguousKey),
            Selection::Unknown => self.unknown(now),
        }
    }

    /// As [`lookup`](Self::lookup) after a wait for `refreshed`: it never asks to wait again.
    pub(crate) fn lookup_again(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        refreshed: Result<(), RefreshError>,
    ) -> Lookup {
        let now = Instant::now();
        let set = self.0.set.load();
        let set = set.as_ref().filter(|set| now - set.at < HARD_LIMIT);
        match (set.map(|set| set.keys.select(kid, algorithm)), refreshed) {
            (Some(Selection::Key(key)), _) => Lookup::Key(Arc::clone(key)),
            (Some(Selection::Misfit), _) => Lookup::Refused(TokenError::Algorithm),
            (Some(Selection::Ambiguous), _) => Lookup::Refused(TokenError::AmbiguousKey),
            (Some(Selection::Unknown), Ok(())) => Lookup::Refused(TokenError::UnknownKey),
            (_, Err(error)) => Lookup::Unavailable(error),
            (None, Ok(())) => Lookup::Unavailable(RefreshError::new("the key set is outdated")),
        }
    }

    /// A rotation that this service has not seen yet, or a made-up name: one fetch per cooldown tells.
    fn unknown(&self, now: Instant) -> Lookup {
        let mut schedule = self.0.schedule();
        if schedule.take_for_unknown_key(now) {
            drop(schedule);
            return self.wait();
        }
        if schedule.last_failed() {
            return Lookup::Unavailable(RefreshError {
                problem: "the key is not known and the last fetch failed".to_owned(),
                retry_after: COOLDOWN,
            });
        }
        Lookup::Refused(TokenError::UnknownKey)
    }

    fn wait(&self) -> Lookup {
        match self.refresh() {
            Some(refresh) => Lookup::Wait(refresh),
            None => Lookup::Unavailable(RefreshError::new("the fetch could not be started")),
        }
    }

    /// Starts a fetch or joins the one under way.
    fn refresh(&self) -> Option<Refresh> {
        let inner = Arc::clone(&self.0);
        let flight = self.0.flights.join((), || {
            inner.schedule().begin(Instant::now());
            refresh(inner)
        });
        flight.ok().map(Refresh)
    }
}

impl Inner {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RefreshError {
    fn new(problem: impl fmt::Display) -> Self {
        Self {
            problem: problem.to_string(),
            retry_after: FIRST_BACKOFF,
        }
    }
}

async fn refresh(inner: Arc<Inner>) -> Result<(), RefreshError> {
    let fetched = fetch(&inner.server).await;
    let now = Instant::now();
    let mut schedule = inner.schedule();
    let issuer = inner.server.issuer();
    match fetched {
        Ok(keys) => {
            observe::keys_fetched(issuer, keys.len(), keys.skipped());
            let had_keys = inner
                .set
                .load()
                .as_ref()
                .is_some_and(|set| !set.keys.is_empty());
            // A set that is suddenly empty withdraws every key; a server's hiccup looks the same, so it takes two.
            if keys.is_empty() && had_keys && !schedule.is_doubting() {
                schedule.doubted(now);
            } else {
                schedule.succeeded(now);
                let published = Published { keys, at: now };
                inner.set.store(Some(Arc::new(published)));
            }
            Ok(())
        }
        Err(error) => {
            observe::keys_unavailable(issuer, &error.problem);
            schedule.failed(now);
            Err(error)
        }
    }
}

async fn fetch(server: &AuthorizationServer) -> Result<KeySet, RefreshError> {
    let metadata = server.metadata().await.map_err(RefreshError::new)?;
    let url = metadata
        .jwks_uri
        .as_deref()
        .ok_or_else(|| RefreshError::new("the metadata has no `jwks_uri`"))?;
    let request = get(url).map_err(RefreshError::new)?;
    let answer = server
        .http()
        .send(request, LIMITS)
        .await
        .map_err(RefreshError::new)?;
    if answer.status() != StatusCode::OK {
        let status = answer.status();
        return Err(RefreshError::new(format_args!("{url} answered {status}")));
    }
    KeySet::parse(answer.body()).map_err(|error| RefreshError::new(format_args!("{url}: {error}")))
}
