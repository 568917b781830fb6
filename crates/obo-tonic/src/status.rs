use std::error::Error as _;
use std::sync::Arc;

use obo::ExchangeError;
use obo::refusal::RefusalResponse;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// Converts a refusal into a gRPC status, with the challenge in its metadata (`www-authenticate`)
/// and a `google.rpc.ErrorInfo` in its [details](RefusalResponse::grpc_details).
///
/// ```
/// let refusal = obo::Rejection::MissingCredentials.response();
/// let status = obo_tonic::status(&refusal);
/// assert_eq!(status.code(), tonic::Code::Unauthenticated);
/// ```
///
/// Its source is the [`Rejection`](obo::Rejection). If a method or an interceptor returns the
/// status, a [`RejectionLayer`](crate::RejectionLayer) passes the rejection to the
/// [`BearerAuthLayer`](obo::BearerAuthLayer).
pub fn status(refusal: &RefusalResponse) -> Status {
    let mut metadata = MetadataMap::new();
    let challenge = refusal
        .challenge()
        .and_then(|value| MetadataValue::try_from(value.as_bytes()).ok());
    if let Some(challenge) = challenge {
        metadata.insert("www-authenticate", challenge);
    }
    if let Some(seconds) = refusal.retry_after() {
        metadata.insert("retry-after", seconds.into());
    }
    let mut status = Status::with_details_and_metadata(
        Code::from(refusal.grpc_code()),
        refusal.message(),
        refusal.grpc_details().into(),
        metadata,
    );
    if let Some(rejection) = refusal.rejection() {
        status.set_source(Arc::new(rejection.clone()));
    }
    status
}

/// Returns why a call was not made: the failed exchange behind its status. `None` if the called
/// service sent the status, unless it requires the user to authenticate again or more strongly.
pub fn exchange_error(status: &Status) -> Option<&ExchangeError> {
    status.source()?.downcast_ref()
}

/// The status of a call that was not made, with the error as its source.
pub(crate) fn not_called(error: ExchangeError) -> Status {
    let mut status = status(&error.response());
    status.set_source(Arc::new(error));
    status
}
