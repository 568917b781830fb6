//! A service inside the layer that records the callers of admitted requests.

use obo::resource_server::ResourceServerBuilder;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response, header};
use obo::{BearerAuthLayer, Caller, RequireLayer, ResourceServer, Rule, RuleTable, Trust};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

/// The challenge for an invalid token.
pub(crate) const INVALID_TOKEN: &str = r#"Bearer error="invalid_token""#;
/// The challenge for malformed credentials.
pub(crate) const INVALID_REQUEST: &str = r#"Bearer error="invalid_request""#;
/// The challenge for insufficient rights, without the required scope.
pub(crate) const INSUFFICIENT: &str = r#"Bearer error="insufficient_scope""#;

/// A service inside the layer that responds to every request with "inner".
#[derive(Clone)]
pub(crate) struct Guarded {
    layer: BearerAuthLayer,
    rule: Option<RequireLayer>,
    admitted: Arc<Mutex<Vec<Option<Caller>>>>,
}

impl Guarded {
    pub(crate) fn new(layer: BearerAuthLayer) -> Self {
        Self {
            layer,
            rule: None,
            admitted: Arc::default(),
        }
    }

    /// Admits only callers that satisfy this rule.
    pub(crate) fn requires(mut self, rule: Rule) -> Self {
        self.rule = Some(RequireLayer::new(rule).unwrap());
        self
    }

    /// Admits only requests that the table allows.
    pub(crate) fn requires_by(self, table: RuleTable) -> Self {
        self.requires_layer(RequireLayer::by_path(table))
    }

    pub(crate) fn requires_layer(mut self, layer: RequireLayer) -> Self {
        self.rule = Some(layer);
        self
    }

    /// Accepts tokens of one server with the audience `service-a`.
    pub(crate) fn by(trust: impl Into<Trust>) -> Self {
        Self::new(BearerAuthLayer::new(service_a(trust)))
    }

    /// As [`by`](Self::by), for a server on a socket, with the default client.
    pub(crate) fn over_socket(idp: &obo_testkit::TestIdp) -> Self {
        Self::by(idp.issuer())
    }

    pub(crate) async fn send(&self, request: Request<()>) -> Response<String> {
        let admitted = Arc::clone(&self.admitted);
        let inner = service_fn(move |request: Request<()>| {
            let caller = request.extensions().get().cloned();
            admitted.lock().unwrap().push(caller);
            async { Ok::<_, Infallible>(Response::new("inner".to_owned())) }
        });
        let service = ServiceBuilder::new()
            .layer(&self.layer)
            .option_layer(self.rule.clone())
            .service(inner);
        service.oneshot(request).await.unwrap()
    }

    /// Sends a request with this `Authorization` header.
    pub(crate) async fn with(&self, line: impl AsRef<[u8]>) -> Response<String> {
        self.send(with_line(line)).await
    }

    /// Sends a request with this token, and returns the status.
    pub(crate) async fn status(&self, token: &str) -> u16 {
        self.with(format!("Bearer {token}")).await.status().as_u16()
    }

    /// Sends a request with this token, expects admission, and returns the caller.
    pub(crate) async fn caller(&self, token: &str) -> Caller {
        assert_eq!(self.status(token).await, 200);
        self.last().unwrap()
    }

    /// Sends a request with this token, and expects `invalid_token`.
    pub(crate) async fn refuses(&self, token: &str, why: &str) {
        self.expect(token, 401, INVALID_TOKEN, why).await;
    }

    /// Sends a request with this token, and expects 403 for its scope, actor or subject.
    pub(crate) async fn denies(&self, token: &str, challenge: &str) {
        self.expect(token, 403, challenge, challenge).await;
    }

    async fn expect(&self, token: &str, status: u16, challenge: &str, why: &str) {
        let before = self.admitted();
        let response = self.with(format!("Bearer {token}")).await;
        assert_refused(&response, status, &[challenge], why);
        assert_eq!(self.admitted(), before, "{why}");
    }

    /// The number of requests that reached the service.
    pub(crate) fn admitted(&self) -> usize {
        self.admitted.lock().unwrap().len()
    }

    /// The caller of the last request that reached the service.
    pub(crate) fn last(&self) -> Option<Caller> {
        self.admitted.lock().unwrap().last().unwrap().clone()
    }
}

pub(crate) fn service_a(trust: impl Into<Trust>) -> ResourceServer {
    builder_a(trust).build().unwrap()
}

pub(crate) fn builder_a(trust: impl Into<Trust>) -> ResourceServerBuilder {
    ResourceServer::builder("service-a").trust(trust)
}

pub(crate) fn with_line(line: impl AsRef<[u8]>) -> Request<()> {
    let request = Request::get("/orders").header(header::AUTHORIZATION, line.as_ref());
    request.body(()).unwrap()
}

pub(crate) fn challenges<B>(response: &Response<B>) -> Vec<&str> {
    let values = response.headers().get_all(header::WWW_AUTHENTICATE);
    values.iter().map(|value| value.to_str().unwrap()).collect()
}

/// Expects this status, these challenges and an empty body.
pub(crate) fn assert_refused(
    response: &Response<String>,
    status: u16,
    challenge: &[&str],
    why: &str,
) {
    assert_eq!(
        (response.status().as_u16(), challenges(response)),
        (status, challenge.to_vec()),
        "{why}"
    );
    assert_eq!(response.body(), "", "{why}");
    assert_eq!(response.headers().len(), challenge.len(), "{why}");
}

/// Expects 503 with `Retry-After`.
pub(crate) fn assert_unavailable(response: &Response<String>, retry_after: &str) {
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[header::RETRY_AFTER], retry_after);
    assert!(challenges(response).is_empty());
    assert_eq!(response.body(), "");
}
