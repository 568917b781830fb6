use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use tower::ServiceExt as _;
use tower::util::Oneshot;
use tower_service::Service;

/// A service that can be replaced while it serves, for example after its file has changed.
///
/// A request goes to the service that is current when it arrives. All clones share one current
/// service. Build the new service first: if the file has a mistake, the current service continues
/// to serve.
///
/// ```
/// use obo_config::{Live, ResourceServerConfig, Setup};
/// # use obo::BearerAuthLayer;
/// # use tower::Layer;
///
/// # type App = obo::bearer::BearerAuth<()>;
/// fn app(file: &str) -> Result<App, Box<dyn std::error::Error>> {
///     let config: ResourceServerConfig = toml::from_str(file)?;
///     let server = config.build(&mut Setup::new())?;
///     Ok(BearerAuthLayer::new(server).layer(()))
/// }
///
/// # let first = "audiences = ['a']\nissuers = [{ issuer = 'https://idp.example' }]";
/// # let next = "audiences = 7";
/// let live = Live::new(app(first)?);
/// // The file has changed.
/// if let Err(mistake) = app(next).map(|app| live.replace(app)) {
///     println!("the old configuration stays in use: {mistake}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Live<S>(Arc<ArcSwap<S>>);

impl<S> Live<S> {
    /// Starts with `service`.
    pub fn new(service: S) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(service)))
    }

    /// Sends new requests to `service`. Requests in flight finish on the previous one.
    pub fn replace(&self, service: S) {
        self.0.store(Arc::new(service));
    }
}

impl<S, R> Service<R> for Live<S>
where
    S: Service<R> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Oneshot<S, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // `call` chooses the service, so there is nothing to wait for here.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        S::clone(&self.0.load()).oneshot(request)
    }
}

impl<S> Clone for Live<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: fmt::Debug> fmt::Debug for Live<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.0.load()).finish()
    }
}
