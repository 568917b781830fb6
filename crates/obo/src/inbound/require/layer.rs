use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Rule, RuleTable};
use crate::inbound::bearer;
use crate::observe;
use crate::polled::polled_after_completion;

/// Lets requests pass whose caller satisfies a [`Rule`]; it goes inside a [`BearerAuthLayer`](crate::BearerAuthLayer).
///
/// If that layer is missing or further inside, every request is refused with 500 (gRPC 13), and the log says why. In an
/// axum `Router` the layer added last runs first, so add the `BearerAuthLayer` after this one; in a `ServiceBuilder` and in
/// tonic's `Server::layer` the layer added first runs first.
#[derive(Clone, Debug)]
pub struct RequireLayer(Arc<Rules>);

#[derive(Debug)]
enum Rules {
    One(Rule),
    ByPath(RuleTable),
}

impl RequireLayer {
    /// Requires `rule` of every request.
    pub fn new(rule: Rule) -> Self {
        Self(Arc::new(Rules::One(rule)))
    }

    /// Requires of every request what `table` says of its method and path.
    pub fn by_path(table: RuleTable) -> Self {
        Self(Arc::new(Rules::ByPath(table)))
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Require<S> {
        Require {
            inner,
            rules: Arc::clone(&self.0),
        }
    }
}

/// The service that [`RequireLayer`] makes.
#[derive(Clone, Debug)]
pub struct Require<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S> Require<S> {
    /// The wrapped service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The wrapped service, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Unwraps the service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Require<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = bearer::caller(request.extensions(), "RequireLayer");
        let checked = caller.and_then(|caller| match &*self.rules {
            Rules::One(rule) => rule.check(caller),
            Rules::ByPath(table) => table.check(request.method(), request.uri().path(), caller),
        });
        let state = match checked {
            Ok(()) => State::Passed {
                future: self.inner.call(request),
            },
            Err(rejection) => {
                let answer = rejection.response();
                let mut response = answer.to_response(request.method(), request.headers());
                let caller = request.extensions().get();
                observe::refused(&request, &rejection, caller, &mut response);
                State::Refused {
                    response: Some(response),
                }
            }
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// The future of [`Require`].
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Passed {
            #[pin]
            future: F,
        },
        Refused {
            response: Option<Response<R>>,
        },
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            StateProjection::Passed { future } => future.poll(cx),
            StateProjection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => polled_after_completion("require::ResponseFuture"),
            },
        }
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}
