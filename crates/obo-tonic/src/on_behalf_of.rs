use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use obo::error::BoxError;
use obo::on_behalf_of::{OnBehalfOfLayer, Replay, ResponseBody};
use obo::{CallError, Caller};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Interceptor;
use tower_service::Service;

use crate::intermediary::of_a_service;
use crate::status::not_called;

/// The longest request that is kept to be sent again, in bytes.
const MOST_REPLAYED: usize = 64 * 1024;

/// A channel for generated clients whose calls carry tokens as `layer` says.
///
/// ```
/// # async fn example(exchange: obo::TokenExchange, caller: obo::Caller) -> Result<(), obo::ConfigError> {
/// use tonic::transport::Endpoint;
///
/// let channel = Endpoint::from_static("https://stock.corp.example").connect_lazy();
/// let stock = obo_tonic::channel(exchange.to("https://stock.corp.example", "service-b")?, channel);
/// // For each call: `StockClient::new(stock.on_behalf_of(&caller))`.
/// # let _ = stock.on_behalf_of(&caller);
/// # Ok(())
/// # }
/// ```
pub fn channel<S>(layer: OnBehalfOfLayer, inner: S) -> OnBehalfOf<S> {
    OnBehalfOf(obo::OnBehalfOf::new(inner, layer.replay(Replay::never())))
}

/// A channel for generated clients that calls on behalf of a user; [`channel`] makes it.
///
/// Its error is a [`Status`], so that `?` keeps the code, and [`exchange_error`](crate::exchange_error) finds why a call was
/// not made.
///
/// An HTTP response that no gRPC service made, such as a proxy's page, is a [`Status`] too, by the HTTP status: 401 is
/// `UNAUTHENTICATED`, 503 is `UNAVAILABLE`. Where there is a `grpc-status`, that is the code.
#[derive(Clone, Debug)]
#[must_use]
pub struct OnBehalfOf<S>(obo::OnBehalfOf<S, Replay<Body>>);

impl<S> OnBehalfOf<S> {
    /// This channel for calls on behalf of `caller`.
    pub fn on_behalf_of<C>(&self, caller: &Caller<C>) -> Self
    where
        S: Clone,
    {
        Self(self.0.on_behalf_of(caller))
    }

    /// Makes a call once more, with a new token, when the called service answers `UNAUTHENTICATED` to the first.
    ///
    /// It is for services that refuse a token before they do anything, as [`obo::BearerAuthLayer`] does. A request of up to
    /// 64 KiB that was sent to its end is sent again, one that is still streamed is not.
    pub fn replay(self) -> Self {
        Self(self.0.replay(Replay::recorded(MOST_REPLAYED, Body::new)))
    }

    /// This channel with tokens that are not at hand but issued now; calls at the same time share one.
    pub fn fresh(self) -> Self {
        Self(self.0.fresh())
    }
}

impl<S, R> Service<Request<Body>> for OnBehalfOf<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = Status;
    type Future = ResponseFuture<obo::on_behalf_of::ResponseFuture<S, Body>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.0.poll_ready(cx).map_err(to_status)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        ResponseFuture {
            future: self.0.call(request),
        }
    }
}

fn to_status(error: CallError) -> Status {
    match error {
        CallError::Exchange(error) => not_called(error),
        CallError::Inner(error) => {
            let status = Status::from_error(error);
            let mut told = status.clone();
            // So that whoever looks through the causes sees that it was another service.
            told.set_source(Arc::new(CallError::Inner(Box::new(status))));
            told
        }
    }
}

pin_project! {
    /// The future of [`OnBehalfOf`].
    pub struct ResponseFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, R> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, CallError>>,
{
    type Output = Result<Response<R>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let called = ready!(self.project().future.poll(cx)).map_err(to_status);
        Poll::Ready(called.and_then(of_a_service))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}

/// Carries a caller into the extensions of outgoing calls, where an [`OnBehalfOf`] without one of its own finds it.
///
/// `StockClient::with_interceptor(stock, obo_tonic::carry(&caller))`
pub fn carry<C>(caller: &Caller<C>) -> CallerInterceptor {
    CallerInterceptor(caller.untyped())
}

/// The interceptor that [`carry`] makes.
#[derive(Clone, Debug)]
pub struct CallerInterceptor(Caller);

impl Interceptor for CallerInterceptor {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        request.extensions_mut().insert(self.0.clone());
        Ok(request)
    }
}
