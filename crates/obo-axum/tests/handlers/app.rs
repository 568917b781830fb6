//! A router inside the layer, called without a socket.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use obo::{BearerAuthLayer, ResourceServer, Trust};
use obo_testkit::{TestIdp, TokenBuilder};
use tower::ServiceExt as _;

/// The challenge for insufficient rights.
pub(crate) const INSUFFICIENT: &str = r#"Bearer error="insufficient_scope""#;

/// The response to a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    /// Expects a refusal with this status, this challenge and an empty body.
    pub(crate) fn assert_refused(&self, status: u16, challenge: Option<&str>) {
        assert_eq!((self.status.as_u16(), &*self.body), (status, ""));
        let challenges = self.headers.get_all(header::WWW_AUTHENTICATE).iter();
        assert_eq!(Vec::from_iter(challenges), Vec::from_iter(challenge));
    }
}

pub(crate) fn alice(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-a")
}

pub(crate) fn trust(idp: &TestIdp) -> Trust {
    Trust::new(idp.issuer())
}

pub(crate) fn bearer(trust: Trust) -> BearerAuthLayer {
    let server = ResourceServer::builder("service-a").trust(trust);
    BearerAuthLayer::new(server.build().unwrap())
}

pub(crate) fn with_token(path: &str, token: &str) -> Request<Body> {
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    request.body(Body::empty()).unwrap()
}

pub(crate) fn without_token(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub(crate) async fn call(router: &Router, request: Request<Body>) -> Got {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Got {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}
