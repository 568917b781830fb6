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

use crate::intermediary::grpc_response;
use crate::status::not_called;

/// The maximum size of a request that is recorded to be sent again, in bytes.
const MAX_REPLAYED: usize = 64 * 1024;

/// Wraps a channel for generated clients, so that their calls have exchanged tokens as `layer`
/// configures.
///
/// ```
/// # use obo::{Caller, TokenExchange};
/// # use obo::error::BoxError;
/// # async fn example(exchange: TokenExchange, caller: Caller) -> Result<(), BoxError> {
/// use tonic::transport::Endpoint;
///
/// let channel = Endpoint::new("https://stock.corp.example")?.connect_lazy();
/// let layer = exchange.to("https://stock.corp.example", "service-b")?;
/// let stock = obo_tonic::channel(layer, channel);
/// // For each call: `StockClient::new(stock.on_behalf_of(&caller))`.
/// # let _ = stock.on_behalf_of(&caller);
/// # Ok(())
/// # }
/// ```
pub fn channel<S>(layer: OnBehalfOfLayer, inner: S) -> OnBehalfOf<S> {
    OnBehalfOf(obo::OnBehalfOf::new(inner, layer.replay(Replay::never())))
}

/// A channel for generated clients that calls on behalf of a user, created by [`channel`].
///
/// Its error is a [`Status`], so that `?` keeps the code. [`exchange_error`](crate::exchange_error)
/// returns why a call was not made.
///
/// An HTTP response that did not come from a gRPC service, such as a proxy's error page, becomes a
/// [`Status`] by its HTTP status: 401 is `UNAUTHENTICATED`, 503 is `UNAVAILABLE`. If there is a
/// `grpc-status`, that is the code.
#[derive(Clone, Debug)]
#[must_use]
pub struct OnBehalfOf<S>(obo::OnBehalfOf<S, Replay<Body>>);

impl<S> OnBehalfOf<S> {
    /// Returns a channel that calls on behalf of `caller`.
    pub fn on_behalf_of<C>(&self, caller: &Caller<C>) -> Self
    where
        S: Clone,
    {
        Self(self.0.on_behalf_of(caller))
    }

    /// Retries a call once with a new token if the called service responds with `UNAUTHENTICATED`.
    ///
    /// Use it for services that reject a token before they do anything else, as
    /// [`obo::BearerAuthLayer`] does. A request of up to 64 KiB that was sent completely is sent
    /// again; a request that is still streaming is not.
    ///
    /// A call is also retried once if the service demands a nonce in the proof of a token that is
    /// [bound](obo::Destination::bind_dpop) to a key. Without this setting, such a call fails with
    /// `UNAUTHENTICATED`, and the next one has the nonce. A service that sends the demand after its
    /// first message, in the trailers, has begun to respond: that call is not retried.
    pub fn replay(self) -> Self {
        Self(self.0.replay(Replay::recorded(MAX_REPLAYED, Body::new)))
    }

    /// Returns a channel that ignores cached tokens and exchanges a new one. Concurrent calls share
    /// one exchange.
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
            let mut marked = status.clone();
            // The chain of causes shows that another service failed.
            marked.set_source(Arc::new(CallError::Inner(Box::new(status))));
            marked
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
        Poll::Ready(called.and_then(grpc_response))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}

/// Creates an interceptor that puts a caller into the extensions of outgoing calls, for an
/// [`OnBehalfOf`] without a fixed caller: `StockClient::with_interceptor(stock,
/// obo_tonic::carry(&caller))`.
pub fn carry<C>(caller: &Caller<C>) -> CallerInterceptor {
    CallerInterceptor(caller.untyped())
}

/// The interceptor that [`carry`] returns.
#[derive(Clone, Debug)]
pub struct CallerInterceptor(Caller);

impl Interceptor for CallerInterceptor {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        request.extensions_mut().insert(self.0.clone());
        Ok(request)
    }
}
