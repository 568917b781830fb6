//! Spans of requests to an authorization server, by OpenTelemetry's conventions for HTTP clients.

use bytes::Bytes;
use http::{Request, StatusCode};

use super::Span;

/// The span of a request to an authorization server.
pub(crate) fn client_call(request: &Request<Bytes>) -> Span {
    span!(
        "http_client",
        otel.name = request.method().as_str(),
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        http.request.method = request.method().as_str(),
        http.response.status_code = tracing::field::Empty,
        server.address = request.uri().host(),
        server.port = request.uri().port_u16(),
        url.path = request.uri().path(),
        error.type = tracing::field::Empty,
    )
}

/// Records a response, or the code of an error. For an HTTP client, a 4xx response is a failure
/// too.
pub(crate) fn client_called(span: &Span, outcome: Result<StatusCode, &'static str>) {
    match outcome {
        Ok(status) => {
            #[cfg(feature = "tracing")]
            (span.inner).record("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.failed(status.as_str());
            }
        }
        Err(code) => span.failed(code),
    }
}
