use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, header};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::exchange::ResponseFuture as Exchanging;
use crate::{CallError, ExchangeError, TokenSource};

pin_project! {
    /// The future of [`OnBehalfOf`](super::OnBehalfOf).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Exchanging {
            exchange: Exchanging,
            // Taken when the token is there.
            pending: Option<(Request<B>, S)>,
        },
        Calling {
            #[pin]
            future: S::Future,
            source: TokenSource,
        },
        Failed {
            error: Option<ExchangeError>,
        },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn exchanging(exchange: Exchanging, request: Request<B>, ready: S) -> Self {
        Self {
            state: State::Exchanging {
                exchange,
                pending: Some((request, ready)),
            },
        }
    }

    pub(super) fn failed(error: ExchangeError) -> Self {
        Self {
            state: State::Failed { error: Some(error) },
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<R>, CallError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Calling { future, source } => {
                    let mut response = ready!(future.poll(cx)).map_err(CallError::Inner)?;
                    response.extensions_mut().insert(*source);
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Failed { error } => {
                    return match error.take() {
                        Some(error) => Poll::Ready(Err(CallError::Exchange(error))),
                        // Polled again after it was done, which the contract of futures leaves open.
                        None => Poll::Pending,
                    };
                }
                StateProjection::Exchanging { exchange, pending } => {
                    let exchanged =
                        ready!(Pin::new(exchange).poll(cx)).map_err(CallError::Exchange)?;
                    let Some((mut request, mut ready)) = pending.take() else {
                        return Poll::Pending;
                    };
                    let authorization = exchanged.token().authorization().clone();
                    request
                        .headers_mut()
                        .insert(header::AUTHORIZATION, authorization);
                    let next = State::Calling {
                        future: ready.call(request),
                        source: exchanged.source(),
                    };
                    state.set(next);
                }
            }
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
