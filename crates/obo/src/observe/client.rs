//! Spans of requests to an authorization server, by OpenTelemetry's conventions for HTTP clients.

use bytes::Bytes;
use http::{Request, StatusCode};
#[cfg(feature = "tracing")]
use http::{Uri, uri::Scheme};

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
        server.port = port(request.uri()),
        url.full = full(request.uri()),
        url.path = request.uri().path(),
        error.type = tracing::field::Empty,
    )
}

/// The port, also if the URL leaves out the usual one.
#[cfg(feature = "tracing")]
fn port(uri: &Uri) -> u16 {
    let is_plain = uri.scheme() == Some(&Scheme::HTTP);
    let usual = if is_plain { 80 } else { 443 };
    uri.port_u16().unwrap_or(usual)
}

/// The URL without user information and query, which may hold secrets.
#[cfg(feature = "tracing")]
fn full(uri: &Uri) -> Option<String> {
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let host = authority.rsplit('@').next()?;
    Some(format!("{scheme}://{host}{}", uri.path()))
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

#[cfg(all(test, feature = "tracing"))]
mod tests {
    use super::*;

    /// OB-05
    #[test]
    fn url_has_no_credentials() {
        let of = |text: &str| {
            let uri: Uri = text.parse().unwrap();
            (full(&uri).unwrap(), port(&uri))
        };
        let (url, port) = of("https://user:s3cret@idp.example/token?access_token=t0ken");
        assert_eq!((&*url, port), ("https://idp.example/token", 443));
        let (url, port) = of("http://127.0.0.1:8080/token");
        assert_eq!((&*url, port), ("http://127.0.0.1:8080/token", 8080));
        assert_eq!(of("http://idp.example/").1, 80);
    }
}
