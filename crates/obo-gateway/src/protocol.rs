use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use obo::refusal::GrpcKind;

/// The parts of a request that decide the form of its response.
pub(super) struct Protocol {
    pub(super) method: Method,
    /// The content type, and no other field.
    pub(super) headers: HeaderMap,
}

impl Protocol {
    /// Whether this is a gRPC or gRPC-Web request.
    pub(super) fn is_grpc(&self) -> bool {
        self.method == Method::POST && GrpcKind::of(&self.headers).is_some()
    }

    pub(super) fn content_type(&self) -> Option<&HeaderValue> {
        self.headers.get(CONTENT_TYPE)
    }
}

/// Whether a request is gRPC, which requires HTTP/2 from end to end. gRPC-Web does not.
pub(super) fn needs_http2(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::POST && GrpcKind::of(headers) == Some(GrpcKind::Grpc)
}

impl<S: Sync> FromRequestParts<S> for Protocol {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let content_type = parts.headers.get(CONTENT_TYPE).cloned();
        Ok(Self {
            method: parts.method.clone(),
            headers: content_type
                .map(|value| (CONTENT_TYPE, value))
                .into_iter()
                .collect(),
        })
    }
}
