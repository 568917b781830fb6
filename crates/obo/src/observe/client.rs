//! Spans of requests to an authorization server, by OpenTelemetry's conventions for HTTP clients.

use bytes::Bytes;
use http::{Request, StatusCode};

/// One request under way.
pub(crate) struct ClientCall {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(feature = "tracing")]
impl ClientCall {
    pub(crate) fn new(request: &Request<Bytes>) -> Self {
        use tracing::field::Empty;
        let (method, uri) = (request.method().as_str(), request.uri());
        let span = tracing::info_span!(
            target: "obo",
            "http_client",
            otel.name = method,
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = method,
            http.response.status_code = Empty,
            server.address = uri.host(),
            server.port = uri.port_u16(),
            url.path = uri.path(),
            error.type = Empty,
        );
        Self { span }
    }

    pub(crate) fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        use tracing::Instrument as _;
        work.instrument(self.span.clone())
    }

    /// A response, or the code of the error; of an HTTP client, a 4xx response is a failure as well.
    pub(crate) fn ended(&self, outcome: Result<StatusCode, &'static str>) {
        match outcome {
            Ok(status) => {
                self.span
                    .record("http.response.status_code", status.as_u16());
                if status.is_client_error() || status.is_server_error() {
                    self.failed(status.as_str());
                }
            }
            Err(code) => self.failed(code),
        }
    }

    fn failed(&self, kind: &str) {
        self.span.record("error.type", kind);
        self.span.record("otel.status_code", "ERROR");
    }
}

#[cfg(not(feature = "tracing"))]
impl ClientCall {
    pub(crate) fn new(_: &Request<Bytes>) -> Self {
        Self {}
    }

    pub(crate) fn within<F: Future>(&self, work: F) -> F {
        work
    }

    pub(crate) fn ended(&self, _: Result<StatusCode, &'static str>) {}
}
