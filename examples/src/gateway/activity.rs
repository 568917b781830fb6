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

/// What happens on one connection, so that it ends when its peer makes nothing happen.
pub(super) struct Activity {
    state: Mutex<State>,
    /// Since now everything waits for the peer.
    waits: Notify,
    idle: Duration,
    slowest: u32,
}

struct State {
    /// Requests whose responses have not ended.
    open: usize,
    /// Those of them that wait for this gateway or an upstream, not for the peer.
    busy: usize,
    last: Instant,
    /// How long the peer has let responses wait, and what it took of them, since there are any.
    waited: Duration,
    taken: u64,
}

impl Activity {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let state = State {
            open: 0,
            busy: 0,
            last: Instant::now(),
            waited: Duration::ZERO,
            taken: 0,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            waits: Notify::new(),
            idle: limits.idle,
            slowest: limits.slowest,
        })
    }

    /// A request has come.
    pub(super) fn begin(self: &Arc<Self>) -> Open {
        self.change(|state| {
            state.open += 1;
            state.busy += 1;
        });
        Open {
            activity: Arc::clone(self),
            is_busy: true,
        }
    }

    /// Ends when the peer has made nothing happen for too long.
    pub(super) async fn over(&self) {
        loop {
            let until = {
                let state = self.lock();
                (state.busy == 0).then(|| state.last + self.patience(&state))
            };
            match until {
                None => self.waits.notified().await,
                Some(until) if Instant::now() >= until => return,
                Some(until) => sleep_until(until).await,
            }
        }
    }

    fn patience(&self, state: &State) -> Duration {
        let earned = Duration::from_secs(state.taken / u64::from(self.slowest));
        let left = (self.idle + earned).saturating_sub(state.waited);
        left.min(self.idle)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let state = &mut *self.lock();
        let now = Instant::now();
        if state.open > 0 && state.busy == 0 {
            state.waited += now.saturating_duration_since(state.last);
        }
        state.last = now;
        change(state);
        if state.open == 0 {
            (state.waited, state.taken) = (Duration::ZERO, 0);
        }
        if state.busy == 0 {
            self.waits.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request until its response has ended.
pub(super) struct Open {
    activity: Arc<Activity>,
    is_busy: bool,
}

impl Open {
    fn set(&mut self, is_busy: bool, taken: usize) {
        let was_busy = std::mem::replace(&mut self.is_busy, is_busy);
        self.activity.change(|state| {
            state.taken += taken as u64;
            match (was_busy, is_busy) {
                (true, false) => state.busy -= 1,
                (false, true) => state.busy += 1,
                _ => {}
            }
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let was_busy = self.is_busy;
        self.activity.change(|state| {
            state.open -= 1;
            state.busy -= usize::from(was_busy);
        });
    }
}

/// The body of a response: it waits for the peer after each piece, until the next is asked for.
pub(super) struct Watched {
    body: Body,
    open: Open,
}

impl Watched {
    pub(super) fn new(body: Body, mut open: Open) -> Self {
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
