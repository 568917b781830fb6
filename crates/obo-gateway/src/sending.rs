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

/// How much of a request is kept until its response begins, in case that the upstream did not process it.
const KEPT: usize = 64 * 1024;

/// The body of a request on its way to an upstream, which tells how far it is.
///
/// Trailers stay behind: a server that takes them for headers would take a caller's `Authorization` for ours.
pub(super) struct Sending {
    /// What the first attempt sent.
    again: Bytes,
    attempt: u32,
    shared: Arc<Mutex<Shared>>,
    progress: watch::Sender<Progress>,
    /// How the caller keeps up, and how the upstream does.
    caller: Pace,
    upstream: Pace,
    timer: Timer,
}

/// What the attempts of one request share.
struct Shared {
    body: Body,
    /// What was sent so far, if all of it fits.
    kept: Option<BytesMut>,
    /// Which attempt the rest of the body is for.
    attempt: u32,
}

/// What a request waits for, or how it failed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    AwaitsUpstream,
    /// The next piece is the caller's to send.
    AwaitsCaller,
    /// The caller's body broke off.
    Broken,
    /// The caller was too slow.
    Slow,
    /// The upstream has taken what there was too slowly.
    Stuck,
}

type Failed = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

/// How far a request was sent.
#[derive(Clone)]
pub(super) struct Sent {
    progress: watch::Receiver<Progress>,
    shared: Arc<Mutex<Shared>>,
    pace: Pace,
}

impl Sending {
    /// Sends a body whose caller, and whose upstream, keep this pace.
    pub(super) fn new(body: Body, pace: Pace) -> (Self, Sent) {
        let shared = Shared {
            body,
            kept: Some(BytesMut::new()),
            attempt: 0,
        };
        Self::of(Arc::new(Mutex::new(shared)), Bytes::new(), pace)
    }

    fn of(shared: Arc<Mutex<Shared>>, again: Bytes, pace: Pace) -> (Self, Sent) {
        let (sender, progress) = watch::channel(Progress::default());
        let sending = Self {
            again,
            attempt: lock(&shared).attempt,
            shared: Arc::clone(&shared),
            progress: sender,
            caller: pace,
            upstream: pace,
            timer: Timer::default(),
        };
        let sent = Sent {
            progress,
            shared,
            pace,
        };
        (sending, sent)
    }

    fn moved(&mut self, bytes: usize) {
        let now = Instant::now();
        self.caller.moved(now, bytes);
        self.upstream.waits(now);
        self.progress.send_replace(Progress::AwaitsUpstream);
    }

    fn failed(&self, progress: Progress, error: BoxError) -> Failed {
        self.progress.send_replace(progress);
        Poll::Ready(Some(Err(error)))
    }
}

/// Ends when a piece was sent; never after the last.
pub(super) async fn moving(sent: &mut Sent) {
    if sent.progress.changed().await.is_err() {
        std::future::pending().await
    }
}

impl Sent {
    /// Whose fault it is that the call failed.
    pub(super) fn blame(&self, error: BoxError) -> Refusal {
        match *self.progress.borrow() {
            Progress::Slow => Refusal::SlowRequest,
            Progress::Stuck => Refusal::Deadline,
            Progress::Broken => Refusal::BrokenRequest(error),
            _ => Refusal::Unreachable(error),
        }
    }

    /// Whose fault it is that nothing moves.
    pub(super) fn blame_for_silence(&self) -> Refusal {
        match *self.progress.borrow() {
            Progress::AwaitsCaller => Refusal::SlowRequest,
            _ => Refusal::Deadline,
        }
    }

    /// The response has begun, so that nothing is sent again.
    pub(super) fn is_answered(&self) {
        lock(&self.shared).kept = None;
    }

    /// Whether the body is what the caller sends, so far.
    pub(super) fn is_good(&self) -> bool {
        let progress = *self.progress.borrow();
        matches!(progress, Progress::AwaitsUpstream | Progress::AwaitsCaller)
    }

    /// The same body once more, if what was sent of it was kept.
    pub(super) fn again(self) -> Option<(Sending, Sent)> {
        let kept = {
            let mut shared = lock(&self.shared);
            shared.attempt += 1;
            shared.kept.take()?.freeze()
        };
        Some(Sending::of(Arc::clone(&self.shared), kept, self.pace))
    }
}

impl Shared {
    /// The next data of the caller's body, for this attempt.
    ///
    /// It is kept in the same step, so that a later attempt lacks nothing of what an earlier one took.
    fn poll(
        &mut self,
        attempt: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, BoxError>> {
        // A connection may still hold the body of an attempt that has failed.
        if self.attempt != attempt {
            return Poll::Ready(Err("the request is sent once more".into()));
        }
        let frame = ready!(http_body::Body::poll_frame(Pin::new(&mut self.body), cx));
        Poll::Ready(match frame.transpose() {
            Ok(frame) => {
                let data = frame.and_then(|frame| frame.into_data().ok());
                if let Some(data) = &data {
                    self.keep(data);
                }
                Ok(data)
            }
            Err(error) => {
                // A broken body would end early in a second attempt, as if it were whole.
                self.kept = None;
                Err(error.into())
            }
        })
    }

    fn keep(&mut self, data: &[u8]) {
        match &mut self.kept {
            Some(kept) if kept.len() + data.len() <= KEPT => kept.extend_from_slice(data),
            kept => *kept = None,
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
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
            // It is a piece that was sent which is reported, not the wait for one.
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

    /// How often two threads meet in a race test.
    const RACES: usize = 2000;

    fn pieces(pieces: &[usize]) -> Body {
        let pieces = pieces.iter().map(|length| Bytes::from(vec![b'x'; *length]));
        let frames: Vec<_> = pieces
            .map(|piece| Ok::<_, BoxError>(Frame::data(piece)))
            .collect();
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    fn sending(body: Body) -> (Sending, Sent) {
        Sending::new(body, Pace::new(Duration::from_secs(1), None))
    }

    #[tokio::test]
    async fn second_attempt_sends_the_whole_body() {
        for read in 0..=3 {
            let (mut first, sent) = sending(pieces(&[1, 2, 3]));
            for _ in 0..read {
                first.frame().await.unwrap().unwrap();
            }
            let (second, _) = sent.again().unwrap();
            // The first takes nothing of the rest.
            assert!(first.frame().await.unwrap().is_err());
            assert_eq!(second.collect().await.unwrap().to_bytes().len(), 6);
        }
    }

    #[test]
    fn second_attempt_lacks_no_piece() {
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
    async fn long_or_answered_request_is_not_kept() {
        let (mut first, sent) = sending(pieces(&[KEPT, 1, 1]));
        first.frame().await.unwrap().unwrap();
        assert!(sent.clone().again().is_some());
        let (mut first, sent) = sending(pieces(&[KEPT, 1, 1]));
        for _ in 0..2 {
            first.frame().await.unwrap().unwrap();
        }
        assert!(sent.again().is_none());
        let (_first, sent) = sending(pieces(&[1]));
        sent.is_answered();
        assert!(sent.again().is_none());
    }
}
