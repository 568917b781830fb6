use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;

use super::ExpiryBody;
use super::countdown::{Countdown, End};
use crate::inbound::refuse::{Refusable, refuse};
use crate::polled::polled_after_completion;
use crate::refusal::rejection::Rejection;
use crate::refusal::response::Protocol;

pin_project! {
    /// The future of [`Expiry`](super::Expiry).
    pub struct ResponseFuture<F, R> {
        // `None` after the end.
        #[pin]
        inner: Option<Refusable<F, R>>,
        #[pin]
        countdown: Option<Countdown>,
        // Moved into the body of the response.
        end: Option<(End, Protocol)>,
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(super) fn new(future: F, end: Option<(End, Protocol)>) -> Self {
        Self {
            inner: Some(Refusable::Passed { future }),
            countdown: end.as_ref().map(|(end, _)| Countdown::new(end.clone())),
            end,
        }
    }

    pub(super) fn refused<B>(rejection: &Rejection, request: &Request<B>) -> Self
    where
        R: Default,
    {
        Self {
            inner: Some(Refusable::Refused {
                response: Some(refuse(request, rejection, None)),
            }),
            countdown: None,
            end: None,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<ExpiryBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            polled_after_completion("ResponseFuture")
        };
        let response = match (inner.poll(cx), this.countdown.as_pin_mut()) {
            (Poll::Ready(response), _) => response?,
            (Poll::Pending, None) => return Poll::Pending,
            (Poll::Pending, Some(countdown)) => {
                let refusal = ready!(countdown.poll(cx)).response();
                // Drops the inner future before the refusal is sent.
                this.inner.set(None);
                let protocol = this.end.take().map(|(_, protocol)| protocol);
                return Poll::Ready(Ok(protocol.unwrap_or_default().response(&refusal)));
            }
        };
        let end = this.end.take();
        Poll::Ready(Ok(response.map(|body| ExpiryBody::new(body, end))))
    }
}

opaque_debug!(ResponseFuture<F, R>);
