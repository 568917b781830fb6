use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::replay::Resend;
use super::{OutboundLayer, Replay, ResponseBody, ResponseFuture, Source};
use crate::box_error::BoxError;
use crate::outbound::error::CallError;

/// A client whose requests carry tokens. Its two kinds are [`OnBehalfOf`](crate::OnBehalfOf) and
/// [`AppOnly`](crate::AppOnly).
///
/// `S` is the wrapped client. `U` says whose tokens its requests carry: those of a user or those of
/// this service. `R` is how requests are [replayed](Replay), `()` if they are not.
///
/// ```
/// # #[cfg(not(feature = "default-client"))]
/// # fn main() {}
/// # #[cfg(feature = "default-client")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::{Request, Response};
/// use obo::on_behalf_of::Outbound;
/// use obo::{Client, ClientSecretBasic, ResourceServer, TokenExchange};
/// use obo_testkit::TestIdp;
/// use tower::{ServiceExt, service_fn};
///
/// let idp = TestIdp::start().await;
/// idp.client("service-a").secret("s3cret").may_exchange_to("service-b");
/// let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
/// let exchange = TokenExchange::builder(idp.issuer(), client).build()?;
///
/// // Any client of `http::Request`. This one responds itself, with the token that it is sent.
/// let http = service_fn(|request: Request<String>| async move {
///     Ok::<_, std::convert::Infallible>(Response::new(request.headers()["authorization"].clone()))
/// });
/// let stock = Outbound::new(http, exchange.to("https://stock.corp.example", "service-b")?);
///
/// // In a service, the `BearerAuthLayer` validates the token.
/// let server = ResourceServer::builder("service-a").trust(idp.issuer()).build()?;
/// let alice = idp.user("alice").audience("service-a").mint();
/// let caller = server.validate(&alice).await?;
///
/// let request = Request::get("https://stock.corp.example/levels").body(String::new())?;
/// let response = stock.on_behalf_of(&caller).oneshot(request).await?;
/// let sent = response.into_body().into_inner();
/// assert_ne!(sent, format!("Bearer {alice}"), "the token is for service-b");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Outbound<S, U, R = ()> {
    inner: S,
    pub(in crate::outbound) layer: OutboundLayer<U, R>,
}

impl<S, U, R> Outbound<S, U, R> {
    /// Wraps `inner`, as `layer.layer(inner)` does.
    pub fn new(inner: S, layer: OutboundLayer<U, R>) -> Self {
        Self { inner, layer }
    }

    /// Replays requests, as [`OutboundLayer::replay`] does.
    pub fn replay<B>(self, replay: Replay<B>) -> Outbound<S, U, Replay<B>> {
        Outbound {
            inner: self.inner,
            layer: self.layer.replay(replay),
        }
    }

    inner_accessors!(S);
}

impl<S, U, R, B, T> Service<Request<B>> for Outbound<S, U, R>
where
    S: Service<Request<B>, Response = Response<T>> + Clone,
    S::Error: Into<BoxError>,
    U: Source,
    R: Resend<B>,
{
    type Response = Response<ResponseBody<T>>;
    type Error = CallError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx).map_err(CallError::inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let OutboundLayer {
            exchange,
            route,
            source,
            replay,
        } = &self.layer;
        let wanted = source.wanted(exchange, route, request.extensions(), request.uri());
        if let Err(error) = &wanted {
            exchange.not_made(error, source.caller(request.extensions()));
        }
        let url = wanted.as_ref().is_ok_and(|wanted| wanted.signer.is_some());
        let url = url.then(|| route.url(request.uri()));
        route.correct_host(&mut request);
        ResponseFuture::new(
            exchange.clone(),
            wanted,
            url,
            request,
            &mut self.inner,
            replay,
        )
    }
}

impl<S, U: Source + fmt::Debug, R: fmt::Debug> fmt::Debug for Outbound<S, U, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(U::NAME)
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}
