use std::error::Error as StdError;
use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
#[cfg(feature = "tracing")]
use obo::error::with_causes;
use obo::error::{BoxError, causes};
use obo::refusal::RefusalResponse;
use obo::{CallError, ExchangeError, Rejection};

/// The error of a handler that refuses a request or fails. `?` converts any error into it, also a
/// [`BoxError`], the error of tower layers such as timeout and load-shed.
///
/// ```
/// use obo::{Caller, Rule};
///
/// async fn report(caller: &Caller) -> Result<String, obo_axum::Error> {
///     Rule::roles(["auditor"]).check(caller)?;
///     Ok(std::fs::read_to_string("report.txt")?)
/// }
/// ```
///
/// | the error, or one of its sources, is | response |
/// | --- | --- |
/// | a [`Rejection`] or an [`ExchangeError`] | that of its [`RefusalResponse`] |
/// | a [`CallError`] of a call that was made and failed | 502 |
/// | any other | 500 |
///
/// The sources of the status of a generated tonic client count too. The body is empty. With the
/// feature `tracing`, which is on by default, each 5xx response is logged with its chain of causes
/// (`request failed`). `Display` and [`cause`](Self::cause) have the cause too.
///
/// An error of an extractor responds to a gRPC request with a gRPC status. An error from `?` does
/// not know the request and responds with HTTP.
///
/// Like other types that any error converts into, it does not implement `std::error::Error` itself.
pub struct Error(Box<Inner>);

struct Inner {
    cause: BoxError,
    /// The method and the headers that identify a gRPC request.
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

    /// The error that this was converted from.
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0.cause
    }

    /// The response to the caller; `None` means a plain 500 or 502.
    pub fn response(&self) -> Option<RefusalResponse> {
        causes(self.cause()).find_map(|error| {
            let rejection = error.downcast_ref().map(Rejection::response);
            rejection.or_else(|| error.downcast_ref().map(ExchangeError::response))
        })
    }

    /// Logs why a request fails, because the response does not contain it.
    #[cfg(feature = "tracing")]
    fn report(&self, status: StatusCode) {
        let (status, cause) = (status.as_u16(), with_causes(self.cause()));
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
        let refusal = self.response();
        let status = match &refusal {
            Some(refusal) => refusal.status(),
            None if causes(self.cause()).any(|error| error.is::<CallError>()) => {
                StatusCode::BAD_GATEWAY
            }
            None => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            self.report(status);
        }
        match refusal {
            Some(refusal) => refusal.to_response::<Body>(&self.0.method, &self.0.headers),
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
