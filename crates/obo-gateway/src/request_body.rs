use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use obo::error::BoxError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::pace::{Pace, Timer};
use super::refusal::Refusal;

/// How much of a request is recorded for a retry, until its response begins.
const RETRY_BYTES: usize = 64 * 1024;

/// The body of a request to an upstream. It reports its progress.
///
/// Trailers are dropped: a server that merges them into the headers would mistake a caller's
/// `Authorization` for ours.
pub(super) struct RequestBody {
    /// The bytes that the first attempt sent.
    again: Bytes,
    attempt: u32,
    shared: Arc<Mutex<Shared>>,
    progress: watch::Sender<Progress>,
    /// The pace of the caller, and that of the upstream.
    caller: Pace,
    upstream: Pace,
    timer: Timer,
}

/// The state that the attempts of one request share.
struct Shared {
    body: Body,
    /// The bytes that were sent so far, if they fit.
    recorded: Option<BytesMut>,
    /// The number of the attempt that sends the rest of the body.
    attempt: u32,
}

/// What a request waits for, or how it failed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    AwaitsUpstream,
    /// The caller has to send the next piece.
    AwaitsCaller,
    /// The caller's body failed.
    Broken,
    /// The caller was too slow.
    Slow,
    /// The upstream was too slow.
    Stuck,
}

type Polled = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

/// The progress of a [`RequestBody`], and the way to a retry.
#[derive(Clone)]
pub(super) struct RequestProgress {
    progress: watch::Receiver<Progress>,
    shared: Arc<Mutex<Shared>>,
    pace: Pace,
}

impl RequestBody {
    /// Sends a body. The caller and the upstream must both keep `pace`.
    pub(super) fn new(body: Body, pace: Pace) -> (Self, RequestProgress) {
        let shared = Shared {
            body,
            recorded: Some(BytesMut::new()),
            attempt: 0,
        };
        Self::of(Arc::new(Mutex::new(shared)), Bytes::new(), pace)
    }

    fn of(shared: Arc<Mutex<Shared>>, again: Bytes, pace: Pace) -> (Self, RequestProgress) {
        let (sender, receiver) = watch::channel(Progress::default());
        let body = Self {
            again,
            attempt: lock(&shared).attempt,
            shared: Arc::clone(&shared),
            progress: sender,
            caller: pace,
            upstream: pace,
            timer: Timer::default(),
        };
        let progress = RequestProgress {
            progress: receiver,
            shared,
            pace,
        };
        (body, progress)
    }

    fn moved(&mut self, bytes: usize) {
        let now = Instant::now();
        self.caller.moved(now, bytes);
        self.upstream.waits(now);
        self.progress.send_replace(Progress::AwaitsUpstream);
    }

    fn failed(&self, progress: Progress, error: BoxError) -> Polled {
        self.progress.send_replace(progress);
        Poll::Ready(Some(Err(error)))
    }
}

/// Completes when a piece was sent. It never completes after the last one.
pub(super) async fn next_piece(request: &mut RequestProgress) {
    if request.progress.changed().await.is_err() {
        std::future::pending().await
    }
}

impl RequestProgress {
    /// The refusal for a failed call, by whose fault it is.
    pub(super) fn blame(&self, error: BoxError) -> Refusal {
        match *self.progress.borrow() {
            Progress::Slow => Refusal::SlowRequest,
            Progress::Stuck => Refusal::Deadline,
            Progress::Broken => Refusal::BrokenRequest(error),
            _ => Refusal::Unreachable(error),
        }
    }

    /// The refusal for a stalled call, by whose fault it is.
    pub(super) fn blame_for_silence(&self) -> Refusal {
        match *self.progress.borrow() {
            // Both timers may fire at once.
            Progress::AwaitsCaller | Progress::Slow => Refusal::SlowRequest,
            _ => Refusal::Deadline,
        }
    }

    /// Records that the response has begun, so there is no retry.
    pub(super) fn response_begins(&self) {
        lock(&self.shared).recorded = None;
    }

    /// Whether the body has not failed so far.
    pub(super) fn is_good(&self) -> bool {
        let progress = *self.progress.borrow();
        matches!(progress, Progress::AwaitsUpstream | Progress::AwaitsCaller)
    }

    /// Returns the same body for a retry, if the bytes that were sent were recorded.
    pub(super) fn again(self) -> Option<(RequestBody, RequestProgress)> {
        let recorded = {
            let mut shared = lock(&self.shared);
            shared.attempt += 1;
            shared.recorded.take()?.freeze()
        };
        Some(RequestBody::of(
            Arc::clone(&self.shared),
            recorded,
            self.pace,
        ))
    }
}

impl Shared {
    /// Polls the caller's body for this attempt.
    ///
    /// The data is recorded in the same step, so a later attempt has every byte that an earlier one
    /// took.
    fn poll(
        &mut self,
        attempt: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, BoxError>> {
        // A connection may still hold the body of a failed attempt.
        if self.attempt != attempt {
            return Poll::Ready(Err("the request is retried".into()));
        }
        let frame = ready!(http_body::Body::poll_frame(Pin::new(&mut self.body), cx));
        Poll::Ready(match frame.transpose() {
            Ok(frame) => {
                let data = frame.and_then(|frame| frame.into_data().ok());
                if let Some(data) = &data {
                    self.record(data);
                }
                Ok(data)
            }
            Err(error) => {
                // A retry would send a failed body as if it were complete.
                self.recorded = None;
                Err(error.into())
            }
        })
    }

    fn record(&mut self, data: &[u8]) {
        match &mut self.recorded {
            Some(recorded) if recorded.len() + data.len() <= RETRY_BYTES => {
                recorded.extend_from_slice(data)
            }
            recorded => *recorded = None,
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let now = Instant::now();
        if now > self.upstream.waits(now) {
            let error = "the upstream takes the request too slowly";
            return self.failed(Progress::Stuck, error.into());
        }
        self.upstream.moved(now, 0);
        if self.again.has_remaining() {
            let data = std::mem::take(&mut self.again);
            self.moved(data.len());
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let polled = lock(&self.shared).poll(self.attempt, cx);
        let Poll::Ready(polled) = polled else {
            let until = self.caller.waits(now);
            // Only a sent piece notifies `next_piece`, not the wait for one.
            self.progress.send_if_modified(|progress| {
                *progress = Progress::AwaitsCaller;
                false
            });
            ready!(self.timer.poll(cx, until));
            let error = "the caller sends its request too slowly";
            return self.failed(Progress::Slow, error.into());
        };
        let data = match polled {
            Ok(data) => data,
            Err(error) => return self.failed(Progress::Broken, error),
        };
        let bytes = data.as_ref().map_or(0, Bytes::len);
        self.upstream.moved(now, bytes);
        self.moved(bytes);
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        !self.again.has_remaining() && lock(&self.shared).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = lock(&self.shared).body.size_hint();
        let again = self.again.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + again);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + again);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

    use super::*;
    use futures_util::{FutureExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};
    use std::sync::Barrier;
    use std::time::Duration;

    /// The number of races in a test.
    const RACES: usize = 2000;

    fn pieces(pieces: &[usize]) -> Body {
        let pieces = pieces.iter().map(|length| Bytes::from(vec![b'x'; *length]));
        let frames: Vec<_> = pieces
            .map(|piece| Ok::<_, BoxError>(Frame::data(piece)))
            .collect();
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    fn sending(body: Body) -> (RequestBody, RequestProgress) {
        RequestBody::new(body, Pace::new(Duration::from_secs(1), None))
    }

    #[tokio::test]
    async fn second_attempt_sends_the_whole_body() {
        for read in 0..=3 {
            let (mut first, sent) = sending(pieces(&[1, 2, 3]));
            for _ in 0..read {
                first.frame().await.unwrap().unwrap();
            }
            let (second, _) = sent.again().unwrap();
            // The first attempt takes nothing of the rest.
            assert!(first.frame().await.unwrap().is_err());
            assert_eq!(second.collect().await.unwrap().to_bytes().len(), 6);
        }
    }

    #[test]
    fn second_attempt_sends_every_piece() {
        for _ in 0..RACES {
            let (mut first, sent) = sending(pieces(&[1; 64]));
            let start = Arc::new(Barrier::new(2));
            let started = Arc::clone(&start);
            let taking = std::thread::spawn(move || {
                started.wait();
                while let Some(Some(Ok(_))) = first.frame().now_or_never() {}
            });
            start.wait();
            let (second, _) = sent.again().unwrap();
            let body = second.collect().now_or_never().unwrap();
            assert_eq!(body.unwrap().to_bytes().len(), 64);
            taking.join().unwrap();
        }
    }

    #[tokio::test]
    async fn broken_body_has_no_second_attempt() {
        let frames = [Ok(Frame::data(Bytes::from_static(b"x"))), Err("broken")];
        let (mut first, sent) = sending(Body::new(StreamBody::new(stream::iter(frames))));
        first.frame().await.unwrap().unwrap();
        assert!(first.frame().await.unwrap().is_err());
        assert!(sent.again().is_none());
    }

    #[tokio::test]
    async fn long_or_finished_request_is_dropped() {
        let (mut first, sent) = sending(pieces(&[RETRY_BYTES, 1, 1]));
        first.frame().await.unwrap().unwrap();
        assert!(sent.clone().again().is_some());
        let (mut first, sent) = sending(pieces(&[RETRY_BYTES, 1, 1]));
        for _ in 0..2 {
            first.frame().await.unwrap().unwrap();
        }
        assert!(sent.again().is_none());
        let (_first, sent) = sending(pieces(&[1]));
        sent.response_begins();
        assert!(sent.again().is_none());
    }
}
