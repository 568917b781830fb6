use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use obo::BoxError;
use pin_project_lite::pin_project;
use tokio::sync::watch;

use super::refusal::Refusal;

pin_project! {
    /// The body of a request on its way to an upstream, which tells how far it is.
    ///
    /// Trailers stay behind: a server that takes them for headers would take a caller's `Authorization` for ours.
    pub(super) struct Sending {
        #[pin]
        body: Body,
        progress: watch::Sender<Progress>,
    }
}

#[derive(Default)]
struct Progress {
    /// The next piece is the caller's to send.
    awaits_caller: bool,
    is_broken: bool,
}

/// How far a request was sent.
pub(super) struct Sent(watch::Receiver<Progress>);

impl Sending {
    pub(super) fn new(body: Body) -> (Self, Sent) {
        let (progress, sent) = watch::channel(Progress::default());
        (Self { body, progress }, Sent(sent))
    }
}

/// Ends when a piece was sent; never after the last.
pub(super) async fn moving(sent: &mut Sent) {
    if sent.0.changed().await.is_err() {
        std::future::pending().await
    }
}

impl Sent {
    /// Whose fault it is that the call failed.
    pub(super) fn blame(&self, error: BoxError) -> Refusal {
        match self.0.borrow().is_broken {
            true => Refusal::BrokenRequest(error),
            false => Refusal::Unreachable(error),
        }
    }

    /// Whose fault it is that nothing moves.
    pub(super) fn blame_for_silence(&self) -> Refusal {
        match self.0.borrow().awaits_caller {
            true => Refusal::SlowRequest,
            false => Refusal::Deadline,
        }
    }
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.project();
        let polled = this.body.poll_frame(cx);
        this.progress.send_if_modified(|progress| {
            progress.awaits_caller = polled.is_pending();
            progress.is_broken |= matches!(polled, Poll::Ready(Some(Err(_))));
            polled.is_ready()
        });
        let frame = ready!(polled).transpose()?;
        Poll::Ready(frame.filter(Frame::is_data).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
