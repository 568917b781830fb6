//! One document of an authorization server: read without waiting, renewed in the background, used
//! during an outage.
//!
//! The [`Schedule`] decides when to fetch. The owner decides what to fetch and how.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};
use obo_core::UnixTime;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::flight::{Flight, Flights, Overloaded};
use super::next_look::NextLook;
use super::schedule::{Pace, Schedule};
use super::server::DISCOVERY_DEADLINE;
use crate::observe;

/// How long a fetch takes at most: discovery, and the document.
const DEADLINE: Duration = DISCOVERY_DEADLINE.saturating_mul(2);

/// A document and the schedule of its renewal, shared by clones.
pub(crate) struct Cached<T, E: Clone>(Arc<Inner<T, E>>);

struct Inner<T, E: Clone> {
    entry: ArcSwapOption<Entry<T>>,
    calendar: Mutex<Calendar<E>>,
    /// When the calendar is read next, without a lock.
    next_look: NextLook,
    flights: Arc<Flights<(), Result<(), E>>>,
}

/// What was tried, and what may be tried next.
pub(crate) struct Calendar<E> {
    pub(crate) schedule: Schedule,
    /// Why the last attempt failed; `None` if it succeeded.
    pub(crate) last_error: Option<E>,
    /// When the last attempt ended.
    ended: Option<Instant>,
}

/// A document and its ends on both clocks, since the wall clock continues while the machine sleeps.
pub(crate) struct Entry<T> {
    pub(crate) value: T,
    pub(crate) at: Instant,
    outdated_from: Instant,
    outdated_at: UnixTime,
    unusable_from: Instant,
    unusable_at: UnixTime,
    /// Whether a jump of the wall clock past the other one was handled.
    is_jump_noticed: AtomicBool,
}

impl<T> Entry<T> {
    /// A document that arrived `now`. From `max_age` on it is renewed before use; from `usable_for`
    /// on it is not used.
    pub(crate) fn new(
        value: T,
        (now, wall): (Instant, UnixTime),
        max_age: Duration,
        usable_for: Duration,
    ) -> Self {
        Self {
            value,
            at: now,
            outdated_from: now + max_age,
            outdated_at: wall.saturating_add(max_age),
            unusable_from: now + usable_for,
            unusable_at: wall.saturating_add(usable_for),
            is_jump_noticed: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_usable(&self, now: Instant, wall: UnixTime) -> bool {
        now < self.unusable_from && wall < self.unusable_at
    }

    fn is_outdated(&self, now: Instant, wall: UnixTime) -> bool {
        now >= self.outdated_from || wall >= self.outdated_at
    }
}

impl<T, E> Cached<T, E>
where
    T: Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(pace: Pace) -> Self {
        Self(Arc::new(Inner {
            entry: ArcSwapOption::empty(),
            calendar: Mutex::new(Calendar {
                schedule: Schedule::new(pace),
                last_error: None,
                ended: None,
            }),
            next_look: NextLook::new(),
            flights: Flights::new(1, Some(DEADLINE)),
        }))
    }

    pub(crate) fn load(&self) -> Guard<Option<Arc<Entry<T>>>> {
        self.0.entry.load()
    }

    pub(crate) fn usable(&self, now: Instant, wall: UnixTime) -> Option<Arc<Entry<T>>> {
        let entry = self.0.entry.load_full();
        entry.filter(|entry| entry.is_usable(now, wall))
    }

    /// Starts a renewal that is due. Returns false if the document must be renewed before use.
    pub(crate) fn tend<W>(
        &self,
        entry: &Entry<T>,
        (now, wall): (Instant, UnixTime),
        fetch: impl FnOnce() -> W,
    ) -> bool
    where
        W: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.notice_jump(entry, now, wall);
        if !self.0.next_look.has_come(now) {
            return true;
        }
        let (is_due, must_renew) = {
            let schedule = &self.0.calendar.lock().schedule;
            let must_renew = entry.is_outdated(now, wall) && schedule.must_renew_outdated(now);
            (schedule.is_due(now), must_renew)
        };
        if is_due && !must_renew {
            // It continues in the background.
            let _ = self.refresh_since(now, fetch);
        }
        !must_renew
    }

    /// Makes a renewal due, once, if a document is outdated by the wall clock alone: the machine
    /// slept, or the clock was set.
    fn notice_jump(&self, entry: &Entry<T>, now: Instant, wall: UnixTime) {
        if wall < entry.outdated_at
            || now >= entry.outdated_from
            || entry.is_jump_noticed.load(Ordering::Acquire)
        {
            return;
        }
        let mut calendar = self.0.calendar.lock();
        if !entry.is_jump_noticed.load(Ordering::Acquire) {
            calendar.schedule.jumped(now);
            self.0.next_look.set(calendar.schedule.due());
            entry.is_jump_noticed.store(true, Ordering::Release);
        }
    }

    /// Starts a fetch or joins the one under way.
    pub(crate) fn refresh<W>(
        &self,
        fetch: impl FnOnce() -> W,
    ) -> Result<Flight<Result<(), E>>, Overloaded>
    where
        W: Future<Output = Result<(), E>> + Send + 'static,
    {
        let flights = &self.0.flights;
        flights.join((), 0, || observe::Cause::here().within(fetch()))
    }

    /// As [`refresh`](Self::refresh), for a caller that read the document at `now`. If an attempt
    /// has ended since, its result is used and no other starts.
    pub(crate) fn refresh_since<W>(
        &self,
        now: Instant,
        fetch: impl FnOnce() -> W,
    ) -> Result<Flight<Result<(), E>>, Overloaded>
    where
        W: Future<Output = Result<(), E>> + Send + 'static,
    {
        let cached = self.clone();
        self.refresh(|| {
            let fetched = fetch();
            async move {
                match cached.ended_since(now) {
                    Some(result) => result,
                    None => fetched.await,
                }
            }
        })
    }

    fn ended_since(&self, now: Instant) -> Option<Result<(), E>> {
        let calendar = self.0.calendar.lock();
        calendar.ended.filter(|ended| *ended > now)?;
        Some(calendar.last_error.clone().map_or(Ok(()), Err))
    }

    pub(crate) fn under_way(&self) -> Option<Flight<Result<(), E>>> {
        self.0.flights.under_way(&())
    }

    /// How long to wait before the next request, and the failure that is the reason.
    pub(crate) fn pause(&self, now: Instant) -> Option<(Duration, E)> {
        let calendar = self.0.calendar.lock();
        let pause = calendar.schedule.pause(now)?;
        Some((pause, calendar.last_error.clone()?))
    }

    pub(crate) fn last_error(&self) -> Option<E> {
        self.0.calendar.lock().last_error.clone()
    }

    /// Reads or changes the calendar. Fetches start under its lock, so that concurrent requests
    /// find them. `change` emits no event: what listens to it may read the calendar.
    pub(crate) fn plan<R>(&self, change: impl FnOnce(&mut Calendar<E>) -> R) -> R {
        let mut calendar = self.0.calendar.lock();
        let result = change(&mut calendar);
        self.0.next_look.set(calendar.schedule.due());
        result
    }

    /// Publishes the entry that `accept` makes of a document; `None` if the document is not trusted
    /// yet. `accept` emits no event, as in [`plan`](Self::plan).
    pub(crate) fn publish(
        &self,
        max_age: Duration,
        accept: impl FnOnce(&mut Schedule) -> Option<Entry<T>>,
    ) {
        self.plan(|calendar| {
            calendar.last_error = None;
            calendar.ended = Some(Instant::now());
            if let Some(entry) = accept(&mut calendar.schedule) {
                calendar.schedule.succeeded(entry.at, max_age);
                self.0.entry.store(Some(Arc::new(entry)));
            }
        });
    }

    /// Records that a fetch failed. No other starts before `pause` has passed. `jitter` is as in
    /// [`Schedule::failed`].
    pub(crate) fn failed(&self, error: E, pause: Duration, jitter: f64) {
        self.plan(|calendar| {
            let now = Instant::now();
            calendar.last_error = Some(error);
            calendar.ended = Some(now);
            calendar.schedule.failed(now, pause, jitter);
        });
    }
}

impl<T, E: Clone> Clone for Cached<T, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idp::jwks::KeyRefresh;

    /// A request that read the cache before a fetch ended asks for one after it.
    #[tokio::test(start_paused = true)]
    async fn recent_fetch_is_not_repeated() {
        for outcome in [Ok(()), Err("no response")] {
            let cached = Cached::<(), &str>::new(KeyRefresh::new().pace());
            let end = |outcome: Result<(), &'static str>| match outcome {
                Ok(()) => cached.publish(Duration::ZERO, |_| None),
                Err(error) => cached.failed(error, Duration::ZERO, 0.0),
            };
            let before = Instant::now();
            tokio::time::advance(Duration::from_millis(1)).await;
            end(outcome);
            let repeated = cached.refresh_since(before, || async { unreachable!() });
            assert_eq!(repeated.unwrap().await, Ok(outcome));
            tokio::time::advance(Duration::from_millis(1)).await;
            let again = cached.refresh_since(Instant::now(), || async { Err("fetched") });
            assert_eq!(again.unwrap().await, Ok(Err("fetched")));
        }
    }
}
