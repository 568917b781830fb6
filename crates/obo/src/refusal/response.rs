use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use obo_core::challenge::Challenge;

use crate::refusal::error_info;
use crate::refusal::grpc::GrpcKind;
use crate::refusal::rejection::Rejection;

/// The response to a caller that is refused: an HTTP response or a gRPC status.
///
/// It is built from a closed set of texts. It contains nothing from a token, a request or an
/// authorization server.
///
/// ```
/// use http::{HeaderMap, Method, Response};
/// use obo::Rejection;
///
/// let refusal = Rejection::MissingCredentials.response();
/// let response: Response<String> = refusal.to_response(&Method::GET, &HeaderMap::new());
/// assert_eq!(response.headers()["www-authenticate"], "Bearer");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalResponse {
    rejection: Option<Rejection>,
    reason: &'static str,
    status: StatusCode,
    message: &'static str,
    challenge: Option<Challenge>,
    retry_after: Option<Duration>,
    /// The nonce for the next proof.
    nonce: Option<HeaderValue>,
}

impl RefusalResponse {
    pub(crate) fn new(reason: &'static str, status: StatusCode, message: &'static str) -> Self {
        Self {
            rejection: None,
            reason,
            status,
            message,
            challenge: None,
            retry_after: None,
            nonce: None,
        }
    }

    pub(crate) fn with_rejection(mut self, rejection: &Rejection) -> Self {
        self.rejection = Some(rejection.clone());
        self
    }

    pub(crate) fn with_challenge(mut self, challenge: Challenge) -> Self {
        self.challenge = Some(challenge);
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    pub(crate) fn with_nonce(mut self, nonce: Option<&str>) -> Self {
        self.nonce = nonce.and_then(|nonce| HeaderValue::try_from(nonce).ok());
        self
    }

    /// Why the request is refused, for logs: the response does not contain it. `None` if an
    /// exchange failed.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.rejection.as_ref()
    }

    /// The status of the HTTP response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The code of the gRPC status: 7, 13, 14 or 16.
    pub fn grpc_code(&self) -> i32 {
        self.code().into()
    }

    fn code(&self) -> u8 {
        match self.status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => 16,
            StatusCode::FORBIDDEN => 7,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            _ => 13,
        }
    }

    /// The message of the gRPC status.
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// The details of the gRPC status, `grpc-status-details-bin` before base64: a
    /// `google.rpc.Status` with one `google.rpc.ErrorInfo`, so that clients in any language can
    /// distinguish the reasons.
    ///
    /// - `reason` is the [code](crate::Rejection::code) in upper case, such as
    ///   `INSUFFICIENT_SCOPE`. Every invalid token is `INVALID_TOKEN`, as in a challenge.
    /// - `domain` is `obo`.
    /// - `metadata` has the requirements: `scope`, `acr_values`, `max_age`. Beyond 1 KiB it is
    ///   omitted.
    pub fn grpc_details(&self) -> Vec<u8> {
        let needed = self.challenge.as_ref().map(Challenge::needed);
        let needed = needed.unwrap_or_default();
        error_info::encode(self.code(), self.message, self.reason, &needed)
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3).
    pub fn challenge(&self) -> Option<HeaderValue> {
        self.challenge.as_ref().map(Challenge::to_header_value)
    }

    /// The value of `Retry-After` in whole seconds, rounded up.
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
            .map(|pause| pause.as_secs() + u64::from(pause.subsec_nanos() > 0))
    }

    /// Builds the response to a request with this method and these headers, with an empty body.
    ///
    /// A gRPC request gets a gRPC response ("trailers-only"): status 200, the request's content
    /// type, and `grpc-status` and the [details](Self::grpc_details) in the headers. Any other
    /// request gets an HTTP response. A gRPC request is a POST: with another method and a gRPC
    /// content type the response is 401 or 403, because proxies may look at the status alone.
    ///
    /// The extensions of the response have the [`rejection`](Self::rejection). An outer
    /// [`BearerAuthLayer`](crate::BearerAuthLayer) records it in the audit trail, as it does for
    /// any response with one.
    pub fn to_response<B: Default>(&self, method: &Method, headers: &HeaderMap) -> Response<B> {
        let mut response = Protocol::of(method, headers).response(self);
        if let Some(rejection) = &self.rejection {
            response.extensions_mut().insert(rejection.clone());
        }
        response
    }
}

/// The protocol of a request and its refusal: gRPC with a content type, or plain HTTP.
#[derive(Default)]
pub(crate) struct Protocol(Option<(GrpcKind, HeaderValue)>);

impl Protocol {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let kind = GrpcKind::of(headers).filter(|_| method == Method::POST);
        Self(kind.zip(headers.get(CONTENT_TYPE).cloned()))
    }

    /// The whole response, with an empty body.
    pub(crate) fn response<B: Default>(&self, refusal: &RefusalResponse) -> Response<B> {
        let mut response = Response::new(B::default());
        match &self.0 {
            Some((_, content_type)) => {
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, content_type.clone());
                refusal.put_grpc_status(headers);
            }
            None => *response.status_mut() = refusal.status,
        }
        refusal.put_challenge(response.headers_mut());
        response
    }

    /// The trailers that end a response that has started. Only gRPC has them: gRPC-Web writes them
    /// into the body.
    pub(crate) fn trailers(&self, refusal: &RefusalResponse) -> Option<HeaderMap> {
        let Some((GrpcKind::Grpc, _)) = self.0 else {
            return None;
        };
        let mut trailers = HeaderMap::new();
        refusal.put_grpc_status(&mut trailers);
        refusal.put_challenge(&mut trailers);
        Some(trailers)
    }
}

impl RefusalResponse {
    fn put_grpc_status(&self, headers: &mut HeaderMap) {
        headers.insert("grpc-status", HeaderValue::from(self.grpc_code()));
        headers.insert("grpc-message", HeaderValue::from_static(self.message));
        let details = STANDARD_NO_PAD.encode(self.grpc_details());
        if let Ok(details) = HeaderValue::try_from(details) {
            headers.insert("grpc-status-details-bin", details);
        }
    }

    fn put_challenge(&self, headers: &mut HeaderMap) {
        if let Some(challenge) = self.challenge() {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(nonce) = &self.nonce {
            headers.insert("dpop-nonce", nonce.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, content_type: Option<&'static str>) -> Response<()> {
        let mut request = HeaderMap::new();
        if let Some(content_type) = content_type {
            request.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        RefusalResponse::new(
            "missing_credentials",
            StatusCode::UNAUTHORIZED,
            "no credentials",
        )
        .with_challenge(Challenge::bare())
        .with_retry_after(Some(Duration::from_millis(1500)))
        .to_response(&method, &request)
    }

    /// GR-01
    #[test]
    fn grpc_request_gets_grpc_response() {
        for grpc in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=utf-8",
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "Application/gRPC",
        ] {
            let response = refused(Method::POST, Some(grpc));
            assert_eq!(response.status(), 200, "{grpc}");
            assert_eq!(response.headers()["content-type"], grpc);
            assert_eq!(response.headers()["grpc-status"], "16");
            assert_eq!(response.headers()["grpc-message"], "no credentials");
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
        }
    }

    /// GR-01
    #[test]
    fn other_request_gets_http_response() {
        for other in [
            None,
            Some("application/json"),
            Some("application/grpcx"),
            Some("text/application/grpc"),
        ] {
            let response = refused(Method::POST, other);
            assert_eq!(response.status(), 401, "{other:?}");
            assert!(!response.headers().contains_key("grpc-status"));
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            assert_eq!(response.headers()["retry-after"], "2");
        }
    }

    /// GR-01
    #[test]
    fn only_post_is_grpc() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT] {
            let response = refused(method, Some("application/grpc"));
            assert_eq!(response.status(), 401);
            assert!(!response.headers().contains_key("grpc-status"));
        }
    }
}
