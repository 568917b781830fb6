use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Frame, SizeHint};
use obo::error::BoxError;
use tokio::time::Instant;
use tonic::Code;

use super::pace::{Pace, Timer};

/// The body of an upstream's response. It ends if the upstream does not keep the pace, or at the
/// caller's deadline.
pub(super) struct ResponseBody {
    /// `None` after the end.
    body: Option<Body>,
    pace: Pace,
    deadline: Option<Instant>,
    is_grpc: bool,
    timer: Timer,
}

impl ResponseBody {
    pub(super) fn new(body: Body, pace: Pace, deadline: Option<Instant>, is_grpc: bool) -> Self {
        Self {
            body: Some(body),
            pace,
            deadline,
            is_grpc,
            timer: Timer::default(),
        }
    }

    /// Ends the response: gRPC with a status, otherwise with an error.
    fn end(&mut self, message: &'static str) -> Result<Frame<Bytes>, BoxError> {
        self.body = None;
        if !self.is_grpc {
            return Err(message.into());
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", (Code::DeadlineExceeded as i32).into());
        trailers.insert("grpc-message", HeaderValue::from_static(message));
        Ok(Frame::trailers(trailers))
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let now = Instant::now();
        let is_over = this.deadline.is_some_and(|deadline| now >= deadline);
        if !is_over && let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            let data = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok()?.data_ref());
            this.pace.moved(now, data.map_or(0, Bytes::len));
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let silent = this.pace.waits(now);
        let until = this
            .deadline
            .map_or(silent, |deadline| deadline.min(silent));
        ready!(this.timer.poll(cx, until));
        let message = match until == silent {
            true => "the upstream stopped sending",
            false => "the deadline has passed",
        };
        tracing::warn!("response aborted: {message}");
        Poll::Ready(Some(this.end(message)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
