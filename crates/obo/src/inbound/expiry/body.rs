use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Method};
use http_body::{Body, Frame, SizeHint};
use obo_core::{TokenError, UnixTime};
use pin_project_lite::pin_project;

use super::countdown::{Countdown, End};
use crate::box_error::BoxError;
use crate::clock::Clock;
use crate::observe;
use crate::refusal::rejection::Rejection;
use crate::refusal::response::Protocol;

/// When a request's token expires, and how its caller is told.
pub(super) struct Deadline {
    pub(super) end: End,
    pub(super) protocol: Protocol,
}

impl Deadline {
    /// `None` when it is further away than the clock counts.
    pub(super) fn new(
        wall: UnixTime,
        clock: &Clock,
        method: &Method,
        request: &HeaderMap,
    ) -> Option<Self> {
        Some(Self {
            end: End::new(wall, clock)?,
            protocol: Protocol::of(method, request),
        })
    }
}

/// The refusal that an expired token gets.
pub(super) fn expired() -> Rejection {
    let rejection = Rejection::Token(TokenError::Expired);
    observe::stream_ended(&rejection);
    rejection
}

pin_project! {
    /// A response body that ends when the token of its request expires.
    ///
    /// A gRPC body ends with the trailers of a refusal, any other with that [`Rejection`] as its error.
    pub struct ExpiryBody<B> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<B> {
        Endless {
            #[pin]
            inner: B,
        },
        Running {
            #[pin]
            inner: B,
            #[pin]
            timer: Countdown,
            protocol: Protocol,
        },
        Ended,
    }
}

impl<B> ExpiryBody<B> {
    pub(super) fn new(inner: B, deadline: Option<Deadline>) -> Self {
        let state = match deadline {
            Some(Deadline { end, protocol }) => State::Running {
                inner,
                timer: Countdown::new(end),
                protocol,
            },
            None => State::Endless { inner },
        };
        Self { state }
    }
}

/// Without a deadline, as the body of a refusal.
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
        let mut state = self.project().state;
        let last = match state.as_mut().project() {
            StateProjection::Endless { inner } => return inner.poll_frame(cx).map_err(Into::into),
            StateProjection::Running {
                inner,
                mut timer,
                protocol,
            } => {
                // Asked first, for a body that is never out of frames would not let the timer have its turn.
                if !timer.as_mut().is_over() {
                    if let Poll::Ready(frame) = inner.poll_frame(cx) {
                        return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
                    }
                    ready!(timer.poll(cx));
                }
                let rejection = expired();
                match protocol.trailers(&rejection.response()) {
                    Some(trailers) => Ok(Frame::trailers(trailers)),
                    None => Err(rejection.into()),
                }
            }
            StateProjection::Ended => return Poll::Ready(None),
        };
        state.set(State::Ended);
        Poll::Ready(Some(last))
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Endless { inner } | State::Running { inner, .. } => inner.is_end_stream(),
            State::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Endless { inner } | State::Running { inner, .. } => inner.size_hint(),
            State::Ended => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for ExpiryBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpiryBody(..)")
    }
}
