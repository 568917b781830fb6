use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use obo_core::event::EventError;
use serde_json::Value;

use crate::observe;

/// Why a message revokes nothing.
pub(super) enum Failure {
    Method,
    MediaType,
    TooLong,
    TooSlow,
    /// The request is malformed.
    Request(&'static str),
    Token(EventError),
    /// The token was used before.
    Repeated,
    /// The keys or the store.
    Unavailable {
        problem: String,
        retry_after: Duration,
    },
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Request(_) | Self::Token(_) | Self::Repeated => StatusCode::BAD_REQUEST,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reason as the sender may read it.
    pub(super) fn description(&self) -> &'static str {
        match self {
            Self::Method => "use POST",
            Self::MediaType => "the media type is not supported",
            Self::TooLong => "the body is too long",
            Self::TooSlow => "the body did not arrive in time",
            Self::Request(problem) => problem,
            Self::Token(error) => error.description(),
            Self::Repeated => "the token was used before",
            Self::Unavailable { .. } => "try again later",
        }
    }

    /// The stable name, for logs.
    fn code(&self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::MediaType => "media_type",
            Self::TooLong => "body_too_long",
            Self::TooSlow => "body_too_slow",
            Self::Request(_) => "malformed_request",
            Self::Token(error) => error.code(),
            Self::Repeated => "repeated",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// The reason for logs.
    fn problem(&self) -> String {
        match self {
            Self::Token(error) => error.to_string(),
            Self::Unavailable { problem, .. } => problem.clone(),
            Self::Method
            | Self::MediaType
            | Self::TooLong
            | Self::TooSlow
            | Self::Request(_)
            | Self::Repeated => self.description().to_owned(),
        }
    }

    /// Reports the failure. `kind` is the kind of the message.
    pub(super) fn record(&self, kind: &'static str) {
        let problem = self.problem();
        match self {
            Self::Unavailable { .. } => observe::logout_unavailable(kind, &problem),
            Self::Method
            | Self::MediaType
            | Self::TooLong
            | Self::TooSlow
            | Self::Request(_)
            | Self::Token(_)
            | Self::Repeated => observe::logout_refused(kind, self.code(), &problem),
        }
    }

    /// The response. `document` is the body of a 400.
    pub(super) fn response(&self, document: impl FnOnce() -> Value) -> Response<Full<Bytes>> {
        let mut response = empty(self.status());
        let headers = response.headers_mut();
        match self {
            Self::Method => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            Self::Unavailable { retry_after, .. } => {
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            Self::Request(_) | Self::Token(_) | Self::Repeated => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                *response.body_mut() = Full::from(document().to_string());
            }
            Self::MediaType | Self::TooLong | Self::TooSlow => {}
        }
        response
    }
}

/// A response without a body that is not stored.
pub(super) fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
