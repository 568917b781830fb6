use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use obo::error::BoxError;
use obo::{CallError, ExchangeError};
use tonic::{Code, Status};

use super::protocol::Protocol;

/// Why a request gets no response of its route.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no such route")]
    NoRoute,
    #[error("the path is ambiguous: servers read it differently")]
    AmbiguousPath,
    #[error("the method is not allowed: CONNECT opens a tunnel, and TRACE returns the token")]
    Method,
    #[error("the caller's request was interrupted: {0}")]
    BrokenRequest(BoxError),
    #[error("the caller stopped sending its request")]
    SlowRequest,
    #[error("the request does not have exactly one valid `Host`")]
    Host,
    #[error("the request requires another protocol, which this gateway does not support")]
    Upgrade,
    #[error("the caller's `grpc-timeout` is not up to eight digits and a unit")]
    Timeout,
    #[error(transparent)]
    NoToken(ExchangeError),
    #[error("the upstream rejects the token that was issued for it")]
    TokenRejected,
    #[error("the upstream's response cannot be forwarded: status {0}")]
    Unusable(StatusCode),
    #[error("the upstream cannot be reached, or the connection failed: {0:?}")]
    Unreachable(BoxError),
    #[error("the upstream did not respond in time")]
    Deadline,
}

const UPGRADE: &str = "this gateway does not support WebSockets or other upgrades";

impl Refusal {
    /// The refusal for a failed call on behalf of the caller.
    pub(super) fn of(error: CallError) -> Self {
        match error {
            CallError::Exchange(error) => Self::NoToken(error),
            CallError::Inner(error) => match error.downcast() {
                Ok(refusal) => *refusal,
                Err(error) => Self::Unreachable(error),
            },
        }
    }

    /// The response for the caller. It shows whose fault it is, and no more.
    pub(super) fn response(&self, protocol: &Protocol) -> Response {
        let (status, code, message) = match self {
            Self::NoToken(error) => {
                let refusal = error.response();
                return refusal.to_response::<Body>(&protocol.method, &protocol.headers);
            }
            Self::NoRoute => (404, Code::Unimplemented, "no such service"),
            Self::Host => (
                400,
                Code::InvalidArgument,
                "exactly one valid host is required",
            ),
            Self::AmbiguousPath => (400, Code::InvalidArgument, "ambiguous path"),
            Self::Upgrade => (501, Code::Unimplemented, UPGRADE),
            Self::Timeout => (400, Code::Internal, "malformed grpc-timeout"),
            Self::Method => (405, Code::Unimplemented, "no such method"),
            Self::BrokenRequest(_) => (400, Code::Cancelled, "the request was interrupted"),
            Self::SlowRequest => (408, Code::DeadlineExceeded, "the request is too slow"),
            Self::TokenRejected | Self::Unusable(_) => (502, Code::Internal, "internal error"),
            Self::Unreachable(_) => (502, Code::Unavailable, "try again later"),
            Self::Deadline => (504, Code::DeadlineExceeded, "no response in time"),
        };
        if protocol.is_grpc() {
            let mut response = Status::new(code, message).into_http();
            if let Some(content_type) = protocol.content_type() {
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, content_type.clone());
            }
            return response;
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match self {
            Self::Upgrade => (status, UPGRADE).into_response(),
            _ => status.into_response(),
        };
        if status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}
