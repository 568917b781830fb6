//! Any error as a status, and the log.

use std::error::Error as _;

use obo::error::BoxError;
use obo::{Audience, CallError, Client, ClientSecretBasic, Issuer, Rejection, Rule};
use obo_testkit::TestIdp;
use tonic::{Code, Status};

use crate::whoami::{accepts, token};
use obo_test_support::Log;

/// The status of this error, and the log.
fn status(error: impl Into<BoxError>) -> (Status, Vec<String>) {
    let (log, _guard) = Log::capture();
    let status = obo_tonic::into_status(error);
    (status, log.lines("request failed"))
}

/// The status that a method returns for an error of a function.
async fn method(outcome: Result<(), impl Into<obo_tonic::Error>>) -> Result<(), Status> {
    async fn own(outcome: Result<(), obo_tonic::Error>) -> Result<(), obo_tonic::Error> {
        outcome?;
        Ok(())
    }
    own(outcome.map_err(Into::into)).await?;
    Ok(())
}

#[tokio::test]
async fn every_error_becomes_a_status() {
    let idp = TestIdp::start().await;
    idp.client("service-b").secret("s3cret");
    let caller = accepts(&idp, "service-b")
        .validate(&token(&idp).mint())
        .await;
    let caller = caller.unwrap();
    let secret = ClientSecretBasic::new("s3cret");
    let client = Client::new("service-b", secret);
    let exchange = obo::TokenExchange::builder(Issuer::new(idp.issuer()).unwrap(), client)
        .build()
        .unwrap();
    let denied = exchange
        .token(&caller, Audience::new("service-z").unwrap())
        .await;
    let denied = denied.unwrap_err();
    let rejection = Rule::service().check(&caller).unwrap_err();

    for error in [
        BoxError::from(denied.clone()),
        CallError::Exchange(denied.clone()).into(),
        CallError::Inner(Box::new(denied.clone())).into(),
    ] {
        let (status, logged) = status(error);
        assert_eq!(status.code(), Code::PermissionDenied);
        assert!(obo_tonic::exchange_error(&status).is_some());
        assert_eq!(logged.len(), 0);
    }
    let (refused, logged) = status(rejection.clone());
    assert_eq!((refused.code(), logged.len()), (Code::PermissionDenied, 0));
    assert!(refused.metadata().contains_key("www-authenticate"));
    assert!(refused.source().unwrap().is::<Rejection>());

    let by_question_mark = [
        method(Err::<(), _>(denied.clone())).await,
        method(Err::<(), _>(CallError::Exchange(denied))).await,
        method(Err::<(), _>(rejection)).await,
        method(Err::<(), _>(Status::permission_denied("mine"))).await,
        method(Err::<(), BoxError>(
            Status::permission_denied("mine").into(),
        ))
        .await,
    ];
    for outcome in by_question_mark {
        assert_eq!(outcome.unwrap_err().code(), Code::PermissionDenied);
    }
}

#[test]
fn failed_method_logs_its_cause() {
    let parse = || "s3cret".parse::<u32>().unwrap_err();
    for (error, code, cause) in [
        (BoxError::from(parse()), Code::Internal, "invalid digit"),
        (BoxError::from("a text"), Code::Internal, "a text"),
        (
            CallError::Inner(Box::new(parse())).into(),
            Code::Unavailable,
            "the call failed: invalid digit",
        ),
        (
            Rejection::Misconfigured("no claims type").into(),
            Code::Internal,
            "no claims type",
        ),
    ] {
        let (status, logged) = status(error);
        assert_eq!(status.code(), code);
        assert_eq!(logged.len(), 1, "{logged:?}");
        assert!(
            logged[0].contains("WARN") && logged[0].contains(cause),
            "{logged:?}"
        );
        assert!(!status.message().contains(cause), "{status:?}");
        assert!(status.source().is_some());
    }
}

#[test]
fn status_of_called_service_is_kept() {
    let called = Status::not_found("no tea");
    let (kept, logged) = status(CallError::Inner(Box::new(called)));
    assert_eq!((kept.code(), kept.message()), (Code::NotFound, "no tea"));
    assert_eq!(logged.len(), 0);
    let (own, logged) = status(Status::internal("mine"));
    assert_eq!((own.message(), logged.len()), ("mine", 0));
}
