use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use obo_core::ConfigError;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Rule, RuleTable};
use crate::inbound::bearer;
use crate::inbound::refuse::{Refusable, refuse};

/// Admits requests whose caller satisfies a [`Rule`]. Place it inside a
/// [`BearerAuthLayer`](crate::BearerAuthLayer).
///
/// If that layer is missing or further inside, every request is refused with 500 (gRPC 13), and the
/// log names the reason. In an axum `Router` the layer that is added last runs first, so add the
/// `BearerAuthLayer` after this one. In a `ServiceBuilder` and in tonic's `Server::layer` the layer
/// that is added first runs first.
///
/// A refused request leaves the inner service ready for the next one. Where one instance of the
/// service is kept, as in tower's `Buffer`, place a concurrency limit outside the layer: inside,
/// the instance keeps its permit until its next request.
#[derive(Clone, Debug)]
pub struct RequireLayer(Arc<Rules>);

#[derive(Debug)]
enum Rules {
    One(Rule),
    ByPath(RuleTable),
    ByRoute(RuleTable, RouteOf),
}

/// Returns the pattern of the route that a router has matched, from a request's extensions.
pub type RouteOf = fn(&Extensions) -> Option<&str>;

impl RequireLayer {
    /// Requires `rule` of every request.
    ///
    /// ```
    /// use obo::{RequireLayer, Rule};
    ///
    /// let layer = RequireLayer::new(Rule::scopes(["orders:read"]).and(Rule::user()))?;
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The rule's [mistake](Rule::mistake), if it has one.
    pub fn new(rule: Rule) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Rules::One(rule.checked()?))))
    }

    /// Requires the rule that `table` has for the method and path of each request.
    ///
    /// ```
    /// use obo::{RequireLayer, Rule, RuleTable};
    ///
    /// let table = RuleTable::builder()
    ///     .route("GET /orders/{id}", Rule::scopes(["orders:read"]))
    ///     .build()?;
    /// let layer = RequireLayer::by_path(table);
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn by_path(table: RuleTable) -> Self {
        Self(Arc::new(Rules::ByPath(table)))
    }

    /// Requires the rule that `table` has for the method of each request and for the route that a
    /// router has matched.
    ///
    /// `route` returns the text of the route from the request's extensions. It is compared with the
    /// text of the entries: `/orders/{id}`, not `/orders/7`. A request without a route is denied,
    /// also if the table has a rule for all other paths. In axum use the `MatchedPath`, as the
    /// crate page of `obo-axum` shows.
    ///
    /// ```
    /// use obo::{RequireLayer, Rule, RuleTable};
    ///
    /// /// Our router puts it into the extensions.
    /// #[derive(Clone)]
    /// struct MatchedRoute(&'static str);
    ///
    /// let table = RuleTable::builder()
    ///     .route("GET /orders/{id}", Rule::scopes(["orders:read"]))
    ///     .build()?;
    /// let rules = RequireLayer::by_route(table, |extensions| {
    ///     extensions.get::<MatchedRoute>().map(|route| route.0)
    /// });
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn by_route(table: RuleTable, route: RouteOf) -> Self {
        Self(Arc::new(Rules::ByRoute(table, route)))
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
    inner_accessors!(S);
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
            Rules::ByRoute(table, route) => {
                table.check_route(request.method(), route(request.extensions()), caller)
            }
        });
        let inner = match checked {
            Ok(()) => Refusable::Passed {
                future: self.inner.call(request),
            },
            Err(rejection) => Refusable::Refused {
                response: Some(refuse(&request, &rejection, request.extensions().get())),
            },
        };
        ResponseFuture { inner }
    }
}

pin_project! {
    /// The future of [`Require`].
    pub struct ResponseFuture<F, R> {
        #[pin]
        inner: Refusable<F, R>,
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().inner.poll(cx)
    }
}

opaque_debug!(ResponseFuture<F, R>);
