use std::net::SocketAddr;

use axum_core::extract::Request;
use http::Uri;
use obo::binding::{OriginalTarget, PeerAddress};

/// Shows the [`BearerAuthLayer`](obo::BearerAuthLayer) from where a request comes and what its path
/// was, for [bound tokens](obo::binding::BoundTokens). Call it in a middleware outside of the
/// layer.
///
/// - `peer`, of axum's `ConnectInfo`, becomes the [`PeerAddress`], so that a header with a
///   certificate counts only from a listed proxy.
/// - `original`, of axum's `OriginalUri`, becomes the [`OriginalTarget`], which the `htu` of a
///   proof has. It differs from the request's own URI inside of a nested router.
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::extract::{ConnectInfo, OriginalUri, Request};
/// use axum::{Router, middleware::map_request, routing::get};
/// use obo::binding::BoundTokens;
/// use obo::{BearerAuthLayer, ResourceServer};
///
/// async fn origin(
///     ConnectInfo(peer): ConnectInfo<SocketAddr>,
///     OriginalUri(original): OriginalUri,
///     request: Request,
/// ) -> Request {
///     obo_axum::with_origin(request, peer, &original)
/// }
///
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com/realms/corp")
///     .bound_tokens(BoundTokens::new().dpop("https://a.example.com"))
///     .build()?;
/// let orders: Router = Router::new()
///     .route("/orders", get(|| async {}))
///     .layer(BearerAuthLayer::new(server))
///     .layer(map_request(origin));
/// let app = Router::new().nest("/api", orders);
/// let service = app.into_make_service_with_connect_info::<SocketAddr>();
/// # let _ = service;
/// # Ok::<(), obo::ConfigError>(())
/// ```
pub fn with_origin(mut request: Request, peer: SocketAddr, original: &Uri) -> Request {
    let extensions = request.extensions_mut();
    extensions.insert(PeerAddress(peer.ip()));
    if let Some(target) = original.path_and_query() {
        extensions.insert(OriginalTarget(target.clone()));
    }
    request
}
