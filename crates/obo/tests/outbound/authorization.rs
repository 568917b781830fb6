//! The `Authorization` header of a call: only the issued token, and no call without it.

use std::future::ready;

use http::{Request, header};
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo_testkit::{Endpoint, Fault};
use serde_json::json;
use tower::ServiceExt as _;

use crate::setup::{Setup, assert_answer, claims, to_b};
use crate::stub::{Stub, issued};

/// BT-20, BC-03
#[tokio::test]
async fn issued_token_replaces_authorization() {
    let setup = Setup::start().await;
    let inbound = setup.idp.user("alice").audience("service-a").mint();
    let caller = setup.validated(&inbound).await;
    let (service, downstream) = setup.to_b();
    let request = Request::get("/stock")
        .header(header::AUTHORIZATION, format!("Bearer {inbound}"))
        .header(header::AUTHORIZATION, "Basic dTpw")
        .header("x-trace", "kept")
        .body(())
        .unwrap();
    let response = service.on_behalf_of(&caller).oneshot(request).await;
    let source = response.unwrap().extensions().get().copied();
    assert_eq!(source, Some(TokenSource::Exchange));

    let authorization = downstream.authorization();
    assert!(authorization.is_sensitive());
    assert_eq!(claims(&authorization)["aud"], "service-b");
    assert_eq!(claims(&authorization)["sub"], "alice");
    let headers = &downstream.received()[0];
    assert_eq!(headers["x-trace"], "kept");
    let printed = format!("{headers:?}");
    assert!(printed.contains("Sensitive"), "{printed}");
    let values = headers.values().map(|value| value.as_bytes());
    let mut leaks = values.filter(|value| String::from_utf8_lossy(value).contains(&inbound));
    assert_eq!(leaks.next(), None);
}

/// TX-38
#[tokio::test]
async fn missing_caller_sends_nothing() {
    let setup = Setup::start().await;
    let (service, downstream) = setup.to_b();
    let token = setup.idp.user("alice").audience("service-a").mint();
    let request = Request::get("/")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .unwrap();
    let error = exchange_error(service.oneshot(request).await);
    assert_eq!(error.kind(), ExchangeErrorKind::NoSubject);
    assert_answer(&error);
    assert!(downstream.received().is_empty());
    assert_eq!(setup.idp.requests().len(), 0);
}

/// TX-39
#[tokio::test]
async fn failed_exchange_makes_no_call() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = setup.to_b();
    let service = service.on_behalf_of(&caller);
    setup.idp.fault(Endpoint::Token, Fault::Status(500));
    for asked in [3, 6] {
        let error = exchange_error(service.clone().oneshot(Request::new(())).await);
        assert_eq!(error.kind(), ExchangeErrorKind::Transient);
        assert_eq!(setup.idp.token_requests(), asked);
    }
    assert!(downstream.received().is_empty());
    setup.idp.heal();
    service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(downstream.received().len(), 1);
}

/// TX-42
#[tokio::test]
async fn expiry_during_exchange_stops_call() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let clock = obo::time::TestClock::new(obo::time::Clock::system().now());
    let (advanced, lived) = (clock.clone(), std::time::Duration::from_secs(301));
    let stub = Stub::new(&setup, move |_| {
        advanced.advance(lived);
        ready(issued("opaque", json!({})))
    });
    let (service, downstream) = to_b(&stub.builder().clock(clock).build().unwrap());
    let called = service.on_behalf_of(&caller).oneshot(Request::new(()));
    let error = exchange_error(called.await);
    assert_eq!(error.kind(), ExchangeErrorKind::SubjectInvalid);
    assert!(downstream.received().is_empty());
}

fn exchange_error<T>(called: Result<T, obo::CallError>) -> obo::ExchangeError {
    match called {
        Err(obo::CallError::Exchange(error)) => error,
        _ => panic!("an exchange that should have failed did not"),
    }
}
