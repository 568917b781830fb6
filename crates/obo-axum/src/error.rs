use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use obo::{BoxError, CallError, ExchangeError, Rejection};

/// A refusal or a failed call as a handler returns it: `?` makes it of a [`Rejection`], an [`ExchangeError`] or a
/// [`CallError`].
///
/// The response has the status and the challenge of [`obo::Answer`] and an empty body; `Display` says more, for logs.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    cause: Cause,
    /// The headers that tell a gRPC request from others.
    request: HeaderMap,
}

#[derive(Debug)]
enum Cause {
    Rejection(Rejection),
    Exchange(ExchangeError),
    /// The service behind this one could not be called: 502.
    Downstream(BoxError),
}

impl Error {
    pub(crate) fn of_request(rejection: Rejection, parts: &Parts) -> Self {
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        Self(Box::new(Inner {
            cause: Cause::Rejection(rejection),
            request: content_type
                .map(|value| (header::CONTENT_TYPE, value.clone()))
                .into_iter()
                .collect(),
        }))
    }
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        Self(Box::new(Inner {
            cause,
            request: HeaderMap::new(),
        }))
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Cause::Rejection(rejection).into()
    }
}

impl From<ExchangeError> for Error {
    fn from(error: ExchangeError) -> Self {
        Cause::Exchange(error).into()
    }
}

impl<E: Into<BoxError>> From<CallError<E>> for Error {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::Exchange(error) => error.into(),
            CallError::Inner(error) => Cause::Downstream(error.into()).into(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let answer = match &self.0.cause {
            Cause::Rejection(rejection) => rejection.answer(),
            Cause::Exchange(error) => error.answer(),
            Cause::Downstream(_) => return StatusCode::BAD_GATEWAY.into_response(),
        };
        answer.to_response::<Body>(&self.0.request)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Rejection(rejection) => rejection.fmt(f),
            Cause::Exchange(error) => error.fmt(f),
            Cause::Downstream(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Rejection(rejection) => rejection.source(),
            Cause::Exchange(error) => error.source(),
            Cause::Downstream(error) => error.source(),
        }
    }
}
