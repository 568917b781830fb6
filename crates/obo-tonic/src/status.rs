use std::error::Error as _;
use std::sync::Arc;

use obo::ExchangeError;
use obo::refusal::RefusalResponse;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// A refusal as a gRPC status, with the challenge in its metadata (`www-authenticate`) and a `google.rpc.ErrorInfo` in its
/// [details](RefusalResponse::grpc_details).
///
/// Its source is the [`Rejection`](obo::Rejection), which a [`RejectionLayer`](crate::RejectionLayer) hands to the
/// [`BearerAuthLayer`](obo::BearerAuthLayer) when a method or an interceptor returns it.
pub fn status(answer: &RefusalResponse) -> Status {
    let mut metadata = MetadataMap::new();
    let challenge = answer
        .challenge()
        .and_then(|value| MetadataValue::try_from(value.as_bytes()).ok());
    if let Some(challenge) = challenge {
        metadata.insert("www-authenticate", challenge);
    }
    if let Some(seconds) = answer.retry_after() {
        metadata.insert("retry-after", seconds.into());
    }
    let mut status = Status::with_details_and_metadata(
        Code::from(answer.grpc_code()),
        answer.message(),
        answer.grpc_details().into(),
        metadata,
    );
    if let Some(rejection) = answer.rejection() {
        status.set_source(Arc::new(rejection.clone()));
    }
    status
}

/// The failed exchange behind the status of a call that was not made; `None` when the called
/// service sent the status, unless it wants the user to authenticate again or more strongly.
pub fn exchange_error(status: &Status) -> Option<&ExchangeError> {
    status.source()?.downcast_ref()
}

/// The status of a call that was not made; it keeps the error as its source.
pub(crate) fn not_called(error: ExchangeError) -> Status {
    let mut status = status(&error.response());
    status.set_source(Arc::new(error));
    status
}
