use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use obo::error::BoxError;
use obo::{CallError, ExchangeError};
use tonic::{Code, Status};

use super::protocol::Protocol;

/// Why a request that was let in gets no answer of its route.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is no such route")]
    NoRoute,
    #[error("servers read the path differently")]
    AmbiguousPath,
    #[error("the method is about a connection, or shows a request's token to whoever sent it")]
    Method,
    #[error("the caller's request broke off: {0}")]
    BrokenRequest(BoxError),
    #[error("the caller sends no more of its request")]
    SlowRequest,
    #[error("the request does not say once which host it is for")]
    Host,
    #[error("the request asks for another protocol, which this gateway does not switch to")]
    Upgrade,
    #[error("the caller's `grpc-timeout` is not up to eight digits and a unit")]
    Timeout,
    #[error(transparent)]
    NoToken(ExchangeError),
    #[error("the upstream rejects the token that was issued for it")]
    TokenRejected,
    #[error("the upstream's answer is none that can be passed on: {0}")]
    Unusable(StatusCode),
    #[error("the upstream cannot be reached, or breaks off: {0:?}")]
    Unreachable(BoxError),
    #[error("the upstream does not answer in time")]
    Deadline,
}

const UPGRADE: &str = "this gateway does not switch protocols: no WebSocket, no `Upgrade`";

impl Refusal {
    /// Why a call on behalf of the caller failed.
    pub(super) fn of(error: CallError) -> Self {
        match error {
            CallError::Exchange(error) => Self::NoToken(error),
            CallError::Inner(error) => match error.downcast() {
                Ok(refusal) => *refusal,
                Err(error) => Self::Unreachable(error),
            },
        }
    }

    /// What the caller is told: whose fault it is, and no more.
    pub(super) fn response(&self, protocol: &Protocol) -> Response {
        let (status, code, message) = match self {
            Self::NoToken(error) => {
                let answer = error.response();
                return answer.to_response::<Body>(&protocol.method, &protocol.headers);
            }
            Self::NoRoute => (404, Code::Unimplemented, "no such service"),
            Self::Host => (400, Code::InvalidArgument, "which host?"),
            Self::AmbiguousPath => (400, Code::InvalidArgument, "ambiguous path"),
            Self::Upgrade => (501, Code::Unimplemented, UPGRADE),
            Self::Timeout => (400, Code::Internal, "malformed grpc-timeout"),
            Self::Method => (405, Code::Unimplemented, "no such method"),
            Self::BrokenRequest(_) => (400, Code::Cancelled, "the request broke off"),
            Self::SlowRequest => (408, Code::DeadlineExceeded, "the request is too slow"),
            Self::TokenRejected | Self::Unusable(_) => (502, Code::Internal, "internal error"),
            Self::Unreachable(_) => (502, Code::Unavailable, "try again later"),
            Self::Deadline => (504, Code::DeadlineExceeded, "no answer in time"),
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
