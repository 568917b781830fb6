use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use obo_core::Caller;
use pin_project_lite::pin_project;

use crate::observe;
use crate::polled::polled_after_completion;
use crate::refusal::rejection::Rejection;

/// Builds the refusal response of a request and records it. `caller` is known if a rule refuses the
/// request.
pub(super) fn refuse<B, R: Default>(
    request: &Request<B>,
    rejection: &Rejection,
    caller: Option<&Caller>,
) -> Response<R> {
    let response = rejection.response();
    let mut response = response.to_response(request.method(), request.headers());
    observe::refused(request, rejection, caller, &mut response);
    response
}

pin_project! {
    /// The future of an inner service, or the refusal instead of it.
    #[project = Projection]
    pub(super) enum Refusable<F, R> {
        Passed {
            #[pin]
            future: F,
        },
        Refused {
            response: Option<Response<R>>,
        },
    }
}

impl<F, R, E> Future for Refusable<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            Projection::Passed { future } => future.poll(cx),
            Projection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => polled_after_completion("ResponseFuture"),
            },
        }
    }
}
