use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::BearerAuthLayer;
use super::resource_metadata::ResourceMetadata;
use super::service::Step;
use crate::inbound::resource_server::Wait;
use crate::observe::{self, Passed};
use crate::polled::polled_after_completion;
use crate::refusal::rejection::Rejection;

const POLLED: &str = "bearer::ResponseFuture";

pin_project! {
    /// The future of [`BearerAuth`](super::BearerAuth).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
        metadata: Option<ResourceMetadata>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Refused {
            response: Option<S::Response>,
        },
        Waiting {
            wait: Wait,
            // Taken when the wait is over.
            pending: Option<Pending<S, B>>,
        },
        Readying {
            // Taken when the inner service is ready.
            pending: Option<Pending<S, B>>,
        },
        Passed {
            #[pin]
            future: S::Future,
            passed: Passed,
        },
    }
}

struct Pending<S, B> {
    layer: BearerAuthLayer,
    request: Request<B>,
    inner: S,
}

impl<S, B, R> ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    pub(super) fn passed(request: Request<B>, ready: &mut S) -> Self {
        Self {
            state: pass(request, ready),
            metadata: None,
        }
    }

    pub(super) fn refused(rejection: &Rejection, request: &Request<B>) -> Self {
        Self {
            state: refusal(rejection, request),
            metadata: None,
        }
    }

    pub(super) fn waiting(
        wait: Wait,
        layer: BearerAuthLayer,
        request: Request<B>,
        inner: S,
    ) -> Self {
        let pending = Some(Pending {
            layer,
            request,
            inner,
        });
        Self {
            state: State::Waiting { wait, pending },
            metadata: None,
        }
    }

    /// Names this metadata in the challenges of the response.
    pub(super) fn naming(self, metadata: Option<ResourceMetadata>) -> Self {
        Self { metadata, ..self }
    }
}

fn pass<S, B>(request: Request<B>, ready: &mut S) -> State<S, B>
where
    S: Service<Request<B>>,
{
    let passed = Passed::new(&request);
    State::Passed {
        future: ready.call(request),
        passed,
    }
}

fn refusal<S, B, R>(rejection: &Rejection, request: &Request<B>) -> State<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    let answer = rejection.response();
    let mut response = answer.to_response(request.method(), request.headers());
    observe::refused(request, rejection, None, &mut response);
    State::Refused {
        response: Some(response),
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, metadata) = (this.state, &*this.metadata);
        let named = |mut response: Response<R>| {
            if let Some(metadata) = metadata {
                metadata.add_to(response.headers_mut());
            }
            response
        };
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Passed { future, passed } => {
                    let mut response = ready!(future.poll(cx))?;
                    passed.answered(&mut response);
                    return Poll::Ready(Ok(named(response)));
                }
                StateProjection::Refused { response } => {
                    let Some(response) = response.take() else {
                        polled_after_completion(POLLED)
                    };
                    return Poll::Ready(Ok(named(response)));
                }
                StateProjection::Waiting { wait, pending } => {
                    let over = ready!(Pin::new(wait).poll(cx));
                    let Some(mut waited) = pending.take() else {
                        polled_after_completion(POLLED)
                    };
                    match waited.layer.admit_after(&mut waited.request, over) {
                        Step::Pass => State::Readying {
                            pending: Some(waited),
                        },
                        Step::Refuse(rejection) => refusal(&rejection, &waited.request),
                        Step::Wait(wait) => State::Waiting {
                            wait,
                            pending: Some(waited),
                        },
                    }
                }
                StateProjection::Readying { pending } => {
                    if let Some(waiting) = pending {
                        ready!(waiting.inner.poll_ready(cx))?;
                    }
                    let Some(mut waited) = pending.take() else {
                        polled_after_completion(POLLED)
                    };
                    pass(waited.request, &mut waited.inner)
                }
            };
            state.set(next);
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}
