//! A service under a layer, for either version of axum, and requests to it.

use std::convert::Infallible;
use std::hint::black_box;

use axum::http::{HeaderValue, Request, Response, header};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

/// One route behind one layer.
#[derive(Clone)]
pub(crate) enum App {
    Axum08(axum::Router),
    Axum07(axum_07::Router),
    /// A gRPC service, for a layer that has its own response type for gRPC.
    Grpc(BoxCloneSyncService<Request<()>, Response<()>, Infallible>),
}

impl App {
    /// A route of axum 0.8 under a layer that does nothing.
    pub(crate) fn bare_08() -> Self {
        let route = axum::routing::any(async || {});
        let router = axum::Router::new().route("/orders", route);
        Self::Axum08(router.layer(tower::layer::util::Identity::new()))
    }

    /// The same with axum 0.7.
    pub(crate) fn bare_07() -> Self {
        let route = axum_07::routing::any(|| async {});
        let router = axum_07::Router::new().route("/orders", route);
        Self::Axum07(router.layer(tower::layer::util::Identity::new()))
    }

    pub(crate) async fn call(&self, request: Request<()>) -> Response<()> {
        match self {
            Self::Axum08(router) => {
                let request = request.map(|()| axum::body::Body::empty());
                let response = router.clone().oneshot(request).await.unwrap();
                response.map(|body| drop(black_box(body)))
            }
            Self::Axum07(router) => {
                let request = request.map(|()| axum_07::body::Body::empty());
                let response = router.clone().oneshot(request).await.unwrap();
                response.map(|body| drop(black_box(body)))
            }
            Self::Grpc(service) => service.clone().oneshot(request).await.unwrap(),
        }
    }

    /// The status of the response to a request with this token.
    pub(crate) async fn status(&self, token: &str) -> u16 {
        let response = self.call(bearer(&format!("Bearer {token}"))).await;
        response.status().as_u16()
    }
}

/// A request without credentials.
pub(crate) fn request() -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = axum::http::Uri::from_static("/orders");
    request
}

/// A request with this `Authorization`, and a proof.
pub(crate) fn proven(authorization: &str, proof: &str) -> Request<()> {
    let mut request = bearer(authorization);
    let value = HeaderValue::from_str(proof).unwrap();
    request.headers_mut().insert("dpop", value);
    request
}

/// A request with this `Authorization`. The value is copied, as in a server that reads a socket.
pub(crate) fn bearer(authorization: &str) -> Request<()> {
    let mut request = request();
    let value = HeaderValue::from_str(authorization).unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, value);
    request
}
