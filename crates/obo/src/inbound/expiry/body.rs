use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::countdown::{Countdown, End};
use crate::box_error::BoxError;
use crate::refusal::response::Protocol;

pin_project! {
    /// A response body that ends when the token of its request expires.
    ///
    /// A gRPC body then ends with the trailers of a refusal, any other body with a
    /// [`Rejection`](crate::Rejection) as its error.
    pub struct ExpiryBody<B> {
        // `None` after the end.
        #[pin]
        inner: Option<B>,
        #[pin]
        countdown: Option<Countdown>,
        protocol: Protocol,
    }
}

impl<B> ExpiryBody<B> {
    pub(super) fn new(inner: B, end: Option<(End, Protocol)>) -> Self {
        let (end, protocol) = end.unzip();
        Self {
            inner: Some(inner),
            countdown: end.map(Countdown::new),
            protocol: protocol.unwrap_or_default(),
        }
    }
}

/// A body that does not expire, for refusals.
impl<B: Default> Default for ExpiryBody<B> {
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B> Body for ExpiryBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(mut countdown) = this.countdown.as_pin_mut() else {
            return inner.poll_frame(cx).map_err(Into::into);
        };
        // Checked first: a body that always has a frame would never let the timer run.
        let rejection = match countdown.as_mut().expired() {
            Some(rejection) => rejection,
            None => match inner.poll_frame(cx) {
                Poll::Ready(frame) => return Poll::Ready(frame.map(|f| f.map_err(Into::into))),
                Poll::Pending => ready!(countdown.poll(cx)),
            },
        };
        this.inner.set(None);
        let trailers = this.protocol.trailers(&rejection.response());
        Poll::Ready(Some(match trailers {
            Some(trailers) => Ok(Frame::trailers(trailers)),
            None => Err(rejection.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.as_ref().map(Body::size_hint);
        inner.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

opaque_debug!(ExpiryBody<B>);
