//! Failures of this service itself: any error by `?`, and the log.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::IntoResponse as _;
use http::{Request, Response, StatusCode};
use obo::error::BoxError;
use obo::{CallError, Rejection};
use obo_axum::Error;
use obo_testkit::TestIdp;
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::errors::{Calling, validated};
use obo_test_support::Log;

/// The response to this error, and the log.
fn failed(error: impl Into<Error>) -> (u16, Vec<String>) {
    let (log, _guard) = Log::capture();
    let response = error.into().into_response();
    (response.status().as_u16(), log.lines("request failed"))
}

/// A handler that calls a stack of layers, whose error is a `BoxError`.
async fn handler<S, B>(stack: S, uri: &str) -> Result<(), Error>
where
    S: Service<Request<()>, Response = Response<B>, Error = BoxError>,
{
    stack.oneshot(Request::get(uri).body(()).unwrap()).await?;
    Ok(())
}

/// The guide says: the called service's own refusal is a response for the handler.
#[tokio::test]
async fn called_services_refusal_is_response() {
    let idp = TestIdp::start().await;
    let (calling, caller) = (Calling::new(&idp), validated(&idp).await);
    let to_b = calling.exchange.to_destination(calling.to_b.clone());
    let to_b = to_b.unwrap();
    for refused in [401, 403, 500] {
        let service_b = service_fn(move |_: Request<()>| async move {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::from_u16(refused).unwrap();
            Ok::<_, Infallible>(response)
        });
        let client = to_b.layer(service_b).on_behalf_of(&caller);
        let request = Request::get("https://b.example/").body(()).unwrap();
        let response = client.oneshot(request).await.unwrap();
        assert_eq!(response.status(), refused);
    }
}

#[tokio::test]
async fn box_error_of_stack_keeps_response() {
    let idp = TestIdp::start().await;
    let (calling, caller) = (Calling::new(&idp), validated(&idp).await);
    let to_b = calling
        .exchange
        .to_destination(calling.to_b.clone())
        .unwrap();
    let stack = |outcome: Result<(), std::fmt::Error>| {
        let service_b = service_fn(move |_: Request<()>| async move { outcome.map(Response::new) });
        let client = to_b.layer(service_b).on_behalf_of(&caller);
        let layers = ServiceBuilder::new().load_shed();
        layers.timeout(Duration::from_secs(5)).service(client)
    };
    let good = handler(stack(Ok(())), "https://b.example/").await;
    assert!(good.is_ok());
    let elsewhere = handler(stack(Ok(())), "https://c.example/").await;
    let (status, logged) = failed(elsewhere.unwrap_err());
    assert_eq!(status, 500);
    assert!(logged[0].contains("https://c.example"), "{logged:?}");
    calling.exchange.revoke(
        caller.issuer(),
        caller.subject(),
        obo::time::Clock::system().now(),
    );
    let revoked = handler(stack(Ok(())), "https://b.example/").await;
    let (status, logged) = failed(revoked.unwrap_err());
    assert_eq!((status, logged.len()), (401, 0));
}

#[tokio::test]
async fn other_box_error_is_plain_failure() {
    let never =
        service_fn(|_: Request<()>| std::future::pending::<Result<Response<()>, Infallible>>());
    let slow = ServiceBuilder::new().timeout(Duration::from_millis(1));
    let (status, logged) = failed(handler(slow.service(never), "/").await.unwrap_err());
    assert_eq!(status, 500);
    assert!(logged[0].contains("timed out"), "{logged:?}");

    let called = CallError::Inner(Box::from("connection refused"));
    let (status, logged) = failed(BoxError::from(called));
    assert_eq!(status, 502);
    assert!(
        logged[0].contains("the call failed: connection refused"),
        "{logged:?}"
    );
    assert!(logged[0].contains("WARN") && logged[0].contains("status=502"));
}

#[test]
fn cause_of_failure_is_logged() {
    let (status, logged) = failed("x".parse::<u32>().unwrap_err());
    assert_eq!((status, logged.len()), (500, 1));
    assert!(logged[0].contains("invalid digit"), "{logged:?}");
    let (status, logged) = failed("a text");
    assert_eq!(status, 500);
    assert!(logged[0].contains("a text"), "{logged:?}");
    let (status, logged) = failed(Rejection::Misconfigured("no claims type"));
    assert_eq!(status, 500);
    assert!(logged[0].contains("no claims type"), "{logged:?}");
    let (status, logged) = failed(Rejection::MissingCredentials);
    assert_eq!((status, logged.len()), (401, 0));
}
