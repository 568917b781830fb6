use std::error::Error as StdError;
use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use obo::error::{BoxError, causes};
use obo::refusal::RefusalResponse;
use obo::{CallError, ExchangeError, Rejection};

/// What a handler returns when it refuses a request or fails: `?` makes it of any error, a [`BoxError`] among them, which
/// is what stacks of tower layers such as timeout and load-shed have.
///
/// Where the error is, or was caused by, a [`Rejection`] or an [`ExchangeError`], the response has the status and the
/// challenge of its [`RefusalResponse`], so that a call that could not be made for a user is told to the caller by its class:
/// through a [`CallError`] and through the status of a generated tonic client alike. A call that was made and failed is a
/// plain 502, any other error a plain 500. The body is empty. With the feature `tracing`, on by default,
/// each response of 5xx is logged with its cause and the causes of that (`request failed`); `Display` and
/// [`cause`](Self::cause) have them too.
///
/// An extractor's error knows its request and answers gRPC as gRPC; one made by `?` knows none and answers as HTTP.
///
/// As with other types that are made of any error, it is none itself.
pub struct Error(Box<Inner>);

struct Inner {
    cause: BoxError,
    /// The method and the headers that tell a gRPC request from others.
    method: Method,
    headers: HeaderMap,
}

impl Error {
    pub(crate) fn of_request(rejection: Rejection, parts: &Parts) -> Self {
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        Self(Box::new(Inner {
            cause: rejection.into(),
            method: parts.method.clone(),
            headers: content_type
                .map(|value| (header::CONTENT_TYPE, value.clone()))
                .into_iter()
                .collect(),
        }))
    }

    /// The error that this was made of.
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0.cause
    }

    /// What the caller is told; `None` means a plain 500 or 502.
    pub fn response(&self) -> Option<RefusalResponse> {
        causes(self.cause()).find_map(|error| {
            let rejection = error.downcast_ref().map(Rejection::response);
            rejection.or_else(|| error.downcast_ref().map(ExchangeError::response))
        })
    }

    /// Logs why a request fails, since the response does not say it.
    #[cfg(feature = "tracing")]
    fn report(&self, status: StatusCode) {
        let causes: Vec<_> = causes(self.cause()).map(ToString::to_string).collect();
        let (status, cause) = (status.as_u16(), causes.join(": "));
        tracing::event!(target: "obo", tracing::Level::WARN, status, cause, "request failed");
    }

    #[cfg(not(feature = "tracing"))]
    fn report(&self, _: StatusCode) {}
}

impl<E: Into<BoxError>> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(Inner {
            cause: error.into(),
            method: Method::default(),
            headers: HeaderMap::new(),
        }))
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let answer = self.response();
        let status = match &answer {
            Some(answer) => answer.status(),
            None if causes(self.cause()).any(|error| error.is::<CallError>()) => {
                StatusCode::BAD_GATEWAY
            }
            None => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            self.report(status);
        }
        match answer {
            Some(answer) => answer.to_response::<Body>(&self.0.method, &self.0.headers),
            None => status.into_response(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.cause.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.cause.fmt(f)
    }
}
