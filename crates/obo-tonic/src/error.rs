use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use obo::error::{BoxError, causes};
use obo::{CallError, ExchangeError, Rejection};
use tonic::{Code, Status};

use crate::status::{not_called, status};

/// Any error on its way to a [`Status`]: `?` makes it of any error, and a status of it.
///
/// A method returns a [`Status`], which `?` cannot make of other crates' errors. So let a function return this one:
///
/// ```
/// use obo::{Rule, TokenExchange, Caller};
/// use tonic::{Request, Response, Status};
///
/// # struct Stock { rule: Rule, exchange: TokenExchange }
/// # impl Stock {
/// async fn level(&self, request: Request<()>) -> Result<Response<()>, Status> {
///     let caller = obo_tonic::caller(&request)?;
///     self.ask(caller).await?;
///     Ok(Response::new(()))
/// }
///
/// async fn ask(&self, caller: &Caller) -> Result<(), obo_tonic::Error> {
///     self.rule.check(caller)?;
///     let token = self.exchange.token(caller, obo::Audience::new("service-b")?).await?;
///     # let _ = token;
///     Ok(())
/// }
/// # }
/// ```
///
/// As with other types that are made of any error, it is not an error itself. [`into_status`] does the same without a
/// function of its own.
pub struct Error(BoxError);

impl Error {
    /// The error that this was made of.
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

/// Any error as a status, for `.map_err(obo_tonic::into_status)?` in a method.
///
/// Where the error is, or was caused by, a [`Rejection`], an [`ExchangeError`] or a [`Status`], the status is theirs. A call
/// that was made and failed without a status is `UNAVAILABLE`, and any other error `INTERNAL`; neither tells the caller
/// more. With the feature `tracing`, on by default, a failure of this service is logged with its cause and the causes of
/// that (`request failed`).
pub fn into_status(error: impl Into<BoxError>) -> Status {
    let error = match error.into().downcast::<Status>() {
        Ok(status) => return *status,
        Err(error) => error,
    };
    let told = causes(&*error).find_map(|cause| {
        if let Some(rejection) = cause.downcast_ref::<Rejection>() {
            return Some(status(&rejection.response()));
        }
        if let Some(error) = cause.downcast_ref::<ExchangeError>() {
            return Some(not_called(error.clone()));
        }
        cause.downcast_ref::<Status>().cloned()
    });
    let mut told = match told {
        Some(told) => told,
        None if causes(&*error).any(|cause| cause.is::<CallError>()) => {
            Status::unavailable("try again later")
        }
        None => Status::internal("internal error"),
    };
    if is_failure(told.code()) {
        report(told.code(), &*error);
    }
    if told.source().is_none() {
        told.set_source(Arc::from(error));
    }
    told
}

/// Whether it is this service that failed, and not its caller.
fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss
    )
}

#[cfg(feature = "tracing")]
fn report(code: Code, error: &(dyn StdError + Send + Sync + 'static)) {
    let causes: Vec<_> = causes(error).map(ToString::to_string).collect();
    let (code, cause) = (i32::from(code), causes.join(": "));
    tracing::event!(target: "obo", tracing::Level::WARN, grpc_status = code, cause, "request failed");
}

#[cfg(not(feature = "tracing"))]
fn report(_: Code, _: &(dyn StdError + Send + Sync + 'static)) {}
