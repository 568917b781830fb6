use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::BearerAuthLayer;
use super::resource_metadata::ResourceMetadata;
use crate::inbound::bound_tokens::Schemes;
use crate::inbound::refuse::refuse;
use crate::inbound::resource_server::{Verdict, Wait};
use crate::observe::Passed;
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
        pub(super) state: State<S, B>,
        // Added to the challenges of the response.
        pub(super) metadata: Option<ResourceMetadata>,
        // For the challenges of the response, if the service accepts proofs.
        pub(super) schemes: Option<Schemes>,
    }
}

pin_project! {
    #[project = StateProjection]
    pub(super) enum State<S, B>
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

pub(super) struct Pending<S, B> {
    pub(super) layer: BearerAuthLayer,
    pub(super) request: Request<B>,
    pub(super) inner: S,
}

impl<S, B> State<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn passed(request: Request<B>, ready: &mut S) -> Self {
        let passed = Passed::new(&request);
        Self::Passed {
            future: ready.call(request),
            passed,
        }
    }

    pub(super) fn refused<R>(rejection: &Rejection, request: &Request<B>) -> Self
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: Default,
    {
        Self::Refused {
            response: Some(refuse(request, rejection, None)),
        }
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
        let (mut state, metadata, schemes) = (this.state, &*this.metadata, *this.schemes);
        let named = |mut response: Response<R>| {
            if let Some(schemes) = schemes {
                schemes.adapt(response.headers_mut());
            }
            if let Some(metadata) = metadata {
                metadata.add_to(response.headers_mut());
            }
            response
        };
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Passed { future, passed } => {
                    let mut response = ready!(future.poll(cx))?;
                    passed.responded(&mut response);
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
                    match waited.layer.admit(&mut waited.request, Some(over)) {
                        Verdict::Admitted(()) => State::Readying {
                            pending: Some(waited),
                        },
                        Verdict::Refused(rejection) => State::refused(&rejection, &waited.request),
                        Verdict::Wait(wait) => State::Waiting {
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
                    State::passed(waited.request, &mut waited.inner)
                }
            };
            state.set(next);
        }
    }
}

opaque_debug!(ResponseFuture<S, B> where S: Service<Request<B>>);
