use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

#[cfg(feature = "tracing")]
use obo::error::with_causes;
use obo::error::{BoxError, causes};
use obo::{CallError, ExchangeError, Rejection};
use tonic::{Code, Status};

use crate::status::{not_called, status};

/// The error of functions that gRPC methods call: `?` converts any error into it, and it into a
/// [`Status`].
///
/// A method returns a [`Status`], and `?` cannot convert errors of other crates into one. So return
/// this error from a function that the method calls:
///
/// ```
/// use obo::{Rule, TokenExchange, Caller};
/// use tonic::{Request, Response, Status};
///
/// # struct Stock { rule: Rule, exchange: TokenExchange }
/// # impl Stock {
/// async fn level(&self, request: Request<()>) -> Result<Response<()>, Status> {
///     let caller = obo_tonic::caller(&request)?;
///     self.query(caller).await?;
///     Ok(Response::new(()))
/// }
///
/// async fn query(&self, caller: &Caller) -> Result<(), obo_tonic::Error> {
///     self.rule.check(caller)?;
///     let token = self.exchange.token(caller, obo::Audience::new("service-b")?).await?;
///     # let _ = token;
///     Ok(())
/// }
/// # }
/// ```
///
/// Like other types that any error converts into, it does not implement `std::error::Error` itself.
/// [`into_status`] does the same conversion without a separate function.
pub struct Error(BoxError);

impl Error {
    /// The error that this was converted from.
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }
}

impl<E: Into<BoxError>> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        into_status(error.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Converts any error into a status, for `.map_err(obo_tonic::into_status)?` in a method.
///
/// ```
/// use tonic::Status;
///
/// fn report() -> Result<String, Status> {
///     std::fs::read_to_string("report.txt").map_err(obo_tonic::into_status)
/// }
/// ```
///
/// If the error or one of its sources is a [`Rejection`], an [`ExchangeError`] or a [`Status`], the
/// status is theirs. A call that was made and failed without a status is `UNAVAILABLE`, any other
/// error is `INTERNAL`, both without detail. With the feature `tracing`, which is on by default, a
/// failure of this service is logged with its chain of causes (`request failed`).
pub fn into_status(error: impl Into<BoxError>) -> Status {
    let error = match error.into().downcast::<Status>() {
        Ok(status) => return *status,
        Err(error) => error,
    };
    let found = causes(&*error).find_map(|cause| {
        if let Some(rejection) = cause.downcast_ref::<Rejection>() {
            return Some(status(&rejection.response()));
        }
        if let Some(error) = cause.downcast_ref::<ExchangeError>() {
            return Some(not_called(error.clone()));
        }
        cause.downcast_ref::<Status>().cloned()
    });
    let mut status = match found {
        Some(status) => status,
        None if causes(&*error).any(|cause| cause.is::<CallError>()) => {
            Status::unavailable("try again later")
        }
        None => Status::internal("internal error"),
    };
    if is_failure(status.code()) {
        report(status.code(), &*error);
    }
    if status.source().is_none() {
        status.set_source(Arc::from(error));
    }
    status
}

/// Whether this service failed, not its caller.
fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss
    )
}

#[cfg(feature = "tracing")]
fn report(code: Code, error: &(dyn StdError + Send + Sync + 'static)) {
    let (code, cause) = (i32::from(code), with_causes(error));
    tracing::event!(target: "obo", tracing::Level::WARN, grpc_status = code, cause, "request failed");
}

#[cfg(not(feature = "tracing"))]
fn report(_: Code, _: &(dyn StdError + Send + Sync + 'static)) {}
