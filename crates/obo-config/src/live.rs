use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use tower::ServiceExt as _;
use tower::util::Oneshot;
use tower_service::Service;

/// A service that is replaced while it serves, such as when its file has changed.
///
/// Each request goes to the service of its moment. Clones are the same service: what one of them puts in, all of them call.
/// Build the next service first, and a mistake in the file leaves the present one as it is:
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
/// # let (first, next) = ("audiences = ['a']\nissuers = [{ issuer = 'https://idp.example' }]", "audiences = 7");
/// let live = Live::new(app(first)?);
/// // The file was changed.
/// if let Err(mistake) = app(next).map(|app| live.replace(app)) {
///     println!("the configuration stays as it was: {mistake}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Live<S>(Arc<ArcSwap<S>>);

impl<S> Live<S> {
    /// Starts with this service.
    pub fn new(service: S) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(service)))
    }

    /// Sends requests to this service from now on; those under way end with the one before.
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
        // The service that will take the request is not known before.
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
