use obo_core::ConfigError;
use tower_layer::Layer;

use super::{Outbound, Replay};
use crate::outbound::destination::{Destination, Route};
use crate::outbound::exchange::{TokenExchange, WITHOUT_KEY};

/// Gives a client's requests tokens. Its two kinds are
/// [`OnBehalfOfLayer`](crate::on_behalf_of::OnBehalfOfLayer) and
/// [`AppOnlyLayer`](crate::app_only::AppOnlyLayer).
///
/// `U` says whose tokens the requests carry: those of a user or those of this service. `R` is how
/// requests are [replayed](Replay), `()` if they are not.
///
/// ```
/// # #[cfg(not(feature = "default-client"))]
/// # fn main() {}
/// # #[cfg(feature = "default-client")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::{Request, Response};
/// use obo::exchange::TokenSource;
/// use obo::{Client, ClientSecretBasic, TokenExchange};
/// use obo_testkit::TestIdp;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// let idp = TestIdp::start().await;
/// idp.client("service-a").secret("s3cret").may_request("audit");
/// let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
/// let exchange = TokenExchange::builder(idp.issuer(), client).build()?;
///
/// // Any client of `http::Request`; this one responds itself.
/// let http = service_fn(|request: Request<String>| async move {
///     assert!(request.headers().contains_key("authorization"));
///     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
/// });
/// // `exchange.to` makes the layer for calls on behalf of users.
/// let tokens = exchange.app_only_to("https://audit.corp.example", "audit")?;
/// let audit = ServiceBuilder::new().layer(tokens).service(http);
///
/// for source in [TokenSource::Exchange, TokenSource::Cache] {
///     let request = Request::post("https://audit.corp.example/entries").body(String::new())?;
///     let response = audit.clone().oneshot(request).await?;
///     assert_eq!(response.extensions().get(), Some(&source));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OutboundLayer<U, R = ()> {
    pub(in crate::outbound) exchange: TokenExchange,
    pub(in crate::outbound) route: Route,
    pub(in crate::outbound) source: U,
    pub(super) replay: R,
}

impl<U> OutboundLayer<U> {
    pub(in crate::outbound) fn to(
        exchange: &TokenExchange,
        destination: Destination,
        source: U,
    ) -> Result<Self, ConfigError> {
        let destination = destination.checked();
        let destination = destination.map_err(|error| error.within("destination"))?;
        if destination.is_bound() && !exchange.binds() {
            return Err(ConfigError::new("destination.bind_dpop", WITHOUT_KEY));
        }
        Ok(Self::new(exchange, Route::Fixed(destination), source))
    }

    pub(in crate::outbound) fn new(exchange: &TokenExchange, route: Route, source: U) -> Self {
        Self {
            exchange: exchange.clone(),
            route,
            source,
            replay: (),
        }
    }
}

impl<U, R> OutboundLayer<U, R> {
    /// Sends a request once more with a new token if the called service rejects the first token.
    ///
    /// A rejected token is evicted in any case, so the next request has a new one.
    pub fn replay<B>(self, replay: Replay<B>) -> OutboundLayer<U, Replay<B>> {
        OutboundLayer {
            exchange: self.exchange,
            route: self.route,
            source: self.source,
            replay,
        }
    }
}

impl<S, U: Clone, R: Clone> Layer<S> for OutboundLayer<U, R> {
    type Service = Outbound<S, U, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Outbound::new(inner, self.clone())
    }
}
