use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

/// As what a request was sent, and so how it is answered.
pub(super) struct Protocol {
    pub(super) method: Method,
    /// No more of them than the content type.
    pub(super) headers: HeaderMap,
}

impl Protocol {
    /// A gRPC or gRPC-Web request.
    pub(super) fn is_grpc(&self) -> bool {
        self.method == Method::POST && grpc_kind(&self.headers).is_some()
    }

    pub(super) fn content_type(&self) -> Option<&HeaderValue> {
        self.headers.get(CONTENT_TYPE)
    }
}

/// A gRPC request, which needs HTTP/2 from end to end; gRPC-Web does not.
pub(super) fn needs_http2(method: &Method, headers: &HeaderMap) -> bool {
    let kind = grpc_kind(headers).filter(|_| method == Method::POST);
    kind.is_some_and(|kind| !kind.starts_with(b"-web"))
}

/// What comes after `application/grpc` in the content type.
fn grpc_kind(headers: &HeaderMap) -> Option<&[u8]> {
    const GRPC: &[u8] = b"application/grpc";
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let (start, kind) = value.split_at_checked(GRPC.len())?;
    let ends = match kind.first() {
        None | Some(b'+' | b';') => true,
        Some(_) => kind.starts_with(b"-web"),
    };
    (start.eq_ignore_ascii_case(GRPC) && ends).then_some(kind)
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
