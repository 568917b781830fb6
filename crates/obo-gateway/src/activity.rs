use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::limits::Limits;
use super::pace::Pace;

/// What happens on one connection, so that it ends when its peer makes nothing happen on one of its streams.
pub(super) struct Activity {
    state: Mutex<State>,
    /// The connection may end earlier than [`over`](Activity::over) knows.
    changed: Notify,
    idle: Duration,
    slowest: u32,
}

struct State {
    /// The requests whose responses have not ended, by number. Each waits for its peer, or for this gateway or an upstream.
    open: HashMap<u64, Pace>,
    next: u64,
    /// Since when there is no request, if there is none.
    idle_since: Instant,
    /// When [`over`](Activity::over) looks again.
    looks_at: Option<Instant>,
}

impl Activity {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let state = State {
            open: HashMap::new(),
            next: 0,
            idle_since: Instant::now(),
            looks_at: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            idle: limits.idle(),
            slowest: limits.slowest(),
        })
    }

    /// A request has come.
    pub(super) fn begin(self: &Arc<Self>) -> Open {
        let state = &mut *self.lock();
        let number = state.next;
        state.next += 1;
        let pace = Pace::new(self.idle, Some(self.slowest));
        state.open.insert(number, pace);
        Open {
            activity: Arc::clone(self),
            number,
        }
    }

    /// Ends when the peer has made nothing happen for too long, on any stream or without one.
    ///
    /// A stream that its peer does not read ends with its connection alone, so no other stream keeps that alive.
    pub(super) async fn over(&self) {
        loop {
            let until = {
                let state = &mut *self.lock();
                state.looks_at = self.until(state);
                state.looks_at
            };
            match until {
                None => self.changed.notified().await,
                Some(until) if Instant::now() >= until => return,
                Some(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = self.changed.notified() => {}
                },
            }
        }
    }

    /// When the connection ends if nothing happens; `None` if no stream waits for the peer.
    fn until(&self, state: &State) -> Option<Instant> {
        if state.open.is_empty() {
            return Some(state.idle_since + self.idle);
        }
        state.open.values().filter_map(Pace::until).min()
    }

    /// Wakes [`over`](Self::over) if it would look too late.
    fn may_end(&self, state: &State, at: Instant) {
        if state.looks_at.is_none_or(|looks_at| at < looks_at) {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request until its response has ended.
pub(super) struct Open {
    activity: Arc<Activity>,
    number: u64,
}

impl Open {
    /// Whether the response waits for others than the peer, which has just taken these bytes of it.
    fn set(&self, is_busy: bool, taken: usize) {
        let activity = &*self.activity;
        let state = &mut *activity.lock();
        let Some(stream) = state.open.get_mut(&self.number) else {
            return;
        };
        let now = Instant::now();
        stream.moved(now, taken);
        if !is_busy {
            let end = stream.waits(now);
            activity.may_end(state, end);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let activity = &*self.activity;
        let state = &mut *activity.lock();
        state.open.remove(&self.number);
        if state.open.is_empty() {
            state.idle_since = Instant::now();
            activity.may_end(state, state.idle_since + activity.idle);
        }
    }
}

/// The body of a response: it waits for the peer after each piece, until the next is asked for.
pub(super) struct Watched {
    body: Body,
    open: Open,
}

impl Watched {
    pub(super) fn new(body: Body, open: Open) -> Self {
        open.set(false, 0);
        Self { body, open }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let taken = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        self.open.set(polled.is_pending(), taken);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use tokio::time::advance;

    const SECOND: Duration = Duration::from_secs(1);

    /// With the defaults: 60 s idle, 500 bytes per second.
    fn activity() -> Arc<Activity> {
        Activity::new(&Limits::default())
    }

    /// After how long the connection ends, of ten minutes.
    async fn ends_after(activity: &Activity) -> Option<u64> {
        let started = Instant::now();
        let ended = tokio::time::timeout(600 * SECOND, activity.over()).await;
        ended.is_ok().then(|| started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn busy_stream_shields_no_stalled_one() {
        let activity = activity();
        let busy = activity.begin();
        assert_eq!(ends_after(&activity).await, None);
        let stalled = activity.begin();
        stalled.set(false, 1000);
        assert_eq!(ends_after(&activity).await, Some(60));
        drop(stalled);
        assert_eq!(ends_after(&activity).await, None);
        drop(busy);
        assert_eq!(ends_after(&activity).await, Some(60));
    }

    #[tokio::test(start_paused = true)]
    async fn moving_stream_shields_no_stalled_one() {
        let activity = activity();
        let (moving, stalled) = (activity.begin(), activity.begin());
        stalled.set(false, 1000);
        let mut over = std::pin::pin!(activity.over());
        for _ in 0..59 {
            assert!(over.as_mut().now_or_never().is_none());
            moving.set(false, 100_000);
            advance(SECOND).await;
        }
        assert!(over.as_mut().now_or_never().is_none());
        advance(2 * SECOND).await;
        assert!(over.as_mut().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn stream_that_stalls_again_ends_sooner() {
        let activity = activity();
        let (steady, slow) = (activity.begin(), activity.begin());
        slow.set(false, 0);
        advance(50 * SECOND).await;
        slow.set(true, 0);
        steady.set(false, 0);
        // What looks at the steady one's end is woken for the earlier one.
        let mut over = std::pin::pin!(activity.over());
        assert!(over.as_mut().now_or_never().is_none());
        slow.set(false, 500);
        let started = Instant::now();
        over.await;
        assert_eq!(started.elapsed().as_secs(), 11);
    }
}
