use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;

use super::ExpiryBody;
use super::body::{Deadline, expired};
use super::countdown::Countdown;
use crate::observe;
use crate::polled::polled_after_completion;
use crate::refusal::rejection::Rejection;

const POLLED: &str = "expiry::ResponseFuture";

pin_project! {
    /// The future of [`Expiry`](super::Expiry).
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Refused {
            response: Option<Response<R>>,
        },
        Endless {
            #[pin]
            future: F,
        },
        Running {
            #[pin]
            future: F,
            #[pin]
            timer: Countdown,
            // Taken when the response is there.
            deadline: Option<Deadline>,
        },
        Ended,
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(super) fn new(future: F, deadline: Option<Deadline>) -> Self {
        let state = match deadline {
            Some(deadline) => State::Running {
                future,
                timer: Countdown::new(deadline.end.clone()),
                deadline: Some(deadline),
            },
            None => State::Endless { future },
        };
        Self { state }
    }

    pub(super) fn refused<B>(rejection: &Rejection, request: &Request<B>) -> Self
    where
        R: Default,
    {
        let answer = rejection.response();
        let mut response = answer.to_response(request.method(), request.headers());
        observe::refused(request, rejection, None, &mut response);
        Self {
            state: State::Refused {
                response: Some(response),
            },
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
        let mut state = self.project().state;
        let (ended, deadline) = match state.as_mut().project() {
            StateProjection::Refused { response } => match response.take() {
                Some(response) => (Poll::Ready(Ok(response)), None),
                None => polled_after_completion(POLLED),
            },
            StateProjection::Endless { future } => (future.poll(cx), None),
            StateProjection::Running {
                future,
                timer,
                deadline,
            } => match future.poll(cx) {
                Poll::Ready(ended) => (Poll::Ready(ended), deadline.take()),
                Poll::Pending => {
                    std::task::ready!(timer.poll(cx));
                    let Some(deadline) = deadline.take() else {
                        polled_after_completion(POLLED)
                    };
                    // What is under way inside is dropped before its caller is told.
                    state.set(State::Ended);
                    let answer = expired().response();
                    return Poll::Ready(Ok(deadline.protocol.response(&answer)));
                }
            },
            StateProjection::Ended => polled_after_completion(POLLED),
        };
        ended.map_ok(|response| response.map(|body| ExpiryBody::new(body, deadline)))
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}
