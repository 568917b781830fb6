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

/// The activity on one connection. The connection ends when its peer stalls on one of its streams.
pub(super) struct Activity {
    state: Mutex<State>,
    /// Wakes [`over`](Activity::over): the connection may end earlier than it waits for.
    changed: Notify,
    idle: Duration,
    slowest: u32,
}

struct State {
    /// The requests whose responses have not ended, by number, each with the pace of its peer.
    open: HashMap<u64, Pace>,
    next: u64,
    /// The start of the time without a request, if there is no request.
    idle_since: Instant,
    /// When [`over`](Activity::over) checks again.
    checks_at: Option<Instant>,
}

impl Activity {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let state = State {
            open: HashMap::new(),
            next: 0,
            idle_since: Instant::now(),
            checks_at: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            idle: limits.idle(),
            slowest: limits.slowest(),
        })
    }

    /// Records a new request.
    pub(super) fn begin(self: &Arc<Self>) -> OpenRequest {
        let state = &mut *self.lock();
        let number = state.next;
        state.next += 1;
        let pace = Pace::new(self.idle, Some(self.slowest));
        state.open.insert(number, pace);
        OpenRequest {
            activity: Arc::clone(self),
            number,
        }
    }

    /// Completes when the peer has stalled for too long, on any stream or without one.
    ///
    /// A stalled stream can only end with its connection, so other streams do not keep the
    /// connection open.
    pub(super) async fn over(&self) {
        loop {
            let until = {
                let state = &mut *self.lock();
                state.checks_at = self.until(state);
                state.checks_at
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

    /// When the connection ends without further activity; `None` if no stream waits for the peer.
    fn until(&self, state: &State) -> Option<Instant> {
        if state.open.is_empty() {
            return Some(state.idle_since + self.idle);
        }
        state.open.values().filter_map(Pace::until).min()
    }

    /// Wakes [`over`](Self::over) if it would check too late.
    fn may_end(&self, state: &State, at: Instant) {
        if state.checks_at.is_none_or(|checks_at| at < checks_at) {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose response has not ended.
pub(super) struct OpenRequest {
    activity: Arc<Activity>,
    number: u64,
}

impl OpenRequest {
    /// Records that the peer has taken these bytes, and whether the gateway is busy with the next
    /// ones.
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

impl Drop for OpenRequest {
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

/// The body of a response. After each frame it waits for the peer, until the next frame is polled.
pub(super) struct WatchedBody {
    body: Body,
    open: OpenRequest,
}

impl WatchedBody {
    pub(super) fn new(body: Body, open: OpenRequest) -> Self {
        open.set(false, 0);
        Self { body, open }
    }
}

impl http_body::Body for WatchedBody {
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

    /// The seconds until the connection ends, within ten minutes.
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
    async fn moving_stream_hides_no_stalled_one() {
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
    async fn stalling_again_ends_sooner() {
        let activity = activity();
        let (steady, slow) = (activity.begin(), activity.begin());
        slow.set(false, 0);
        advance(50 * SECOND).await;
        slow.set(true, 0);
        steady.set(false, 0);
        // The wait for the steady stream is interrupted for the earlier end.
        let mut over = std::pin::pin!(activity.over());
        assert!(over.as_mut().now_or_never().is_none());
        slow.set(false, 500);
        let started = Instant::now();
        over.await;
        assert_eq!(started.elapsed().as_secs(), 11);
    }
}
