//! Calls without a user: tokens of this service itself, from the same cache, never in place of a
//! user's.

use http::Request;
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::on_behalf_of::Replay;
use obo::{CallError, Destination, Destinations};
use obo_testkit::{Endpoint, Fault};
use tower::{Layer as _, ServiceExt as _};

use crate::downstream::Downstream;
use crate::setup::{Setup, URI_OF_B, assert_answer, audience, claims};

fn service_b() -> Destination {
    Destination::new(URI_OF_B, audience("service-b")).unwrap()
}

fn request(uri: &str) -> Request<()> {
    Request::get(uri)
        .header("authorization", "Bearer of-another")
        .body(())
        .unwrap()
}

#[tokio::test]
async fn own_token_is_used_and_cached() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let downstream = Downstream::default();
    let exchange = setup.exchange();
    let to_b = exchange
        .app_only_to_destination(service_b())
        .unwrap()
        .layer(downstream.clone());
    for expected in [TokenSource::Exchange, TokenSource::Cache] {
        let called = to_b.clone().oneshot(request(URI_OF_B)).await;
        assert_eq!(called.unwrap().extensions().get(), Some(&expected));
        let claims = claims(&downstream.authorization());
        assert_eq!(
            (&claims["sub"], &claims["aud"]),
            (&"service-a".into(), &"service-b".into())
        );
        assert!(claims.get("act").is_none());
    }
    let asked = setup.asked();
    assert_eq!(asked.param("grant_type"), Some("client_credentials"));
    assert_eq!(asked.params("subject_token"), Vec::<&str>::new());
    let token = exchange
        .app_only_token(audience("service-b"))
        .await
        .unwrap();
    assert_eq!(token.source(), TokenSource::Cache);
    assert_eq!(setup.idp.token_requests(), 1);
}

/// TX-41
#[tokio::test]
async fn user_and_own_tokens_never_mix() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let exchange = setup.exchange();
    let alice = setup.caller("alice").await;
    let own = exchange
        .app_only_token(audience("service-b"))
        .await
        .unwrap();
    let alices = exchange.token(&alice, audience("service-b")).await.unwrap();
    assert_eq!(alices.source(), TokenSource::Exchange);
    assert_eq!(claims(alices.token().authorization())["sub"], "alice");
    assert_ne!(own.token().authorization(), alices.token().authorization());
}

/// TX-38
#[tokio::test]
async fn missing_user_is_not_app_only() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let (to_b, downstream) = setup.to_b();
    let called = to_b.oneshot(request(URI_OF_B)).await;
    let Err(CallError::Exchange(error)) = called else {
        panic!("{called:?}");
    };
    assert_eq!(error.kind(), ExchangeErrorKind::NoSubject);
    assert!(downstream.received().is_empty());
    assert_eq!(setup.idp.token_requests(), 0);
}

/// BT-21
#[tokio::test]
async fn other_destinations_are_denied() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let downstream = Downstream::default();
    let known = Destinations::new([service_b()]).unwrap();
    let to_any = setup.exchange().app_only_to_destinations(known);
    let to_any = to_any.layer(downstream.clone());
    to_any.clone().oneshot(request(URI_OF_B)).await.unwrap();
    let called = to_any.oneshot(request("https://elsewhere.example/")).await;
    let Err(CallError::Exchange(error)) = called else {
        panic!("{called:?}");
    };
    assert_eq!(error.kind(), ExchangeErrorKind::UnknownDestination);
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (1, 1)
    );
}

#[tokio::test]
async fn rejected_own_token_is_replaced() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let downstream = Downstream::default();
    let to_b = setup
        .exchange()
        .app_only_to_destination(service_b())
        .unwrap();
    let to_b = to_b.replay(Replay::copied(|(): &()| Some(())));
    downstream.reply(401, &[]);
    let called = to_b
        .layer(downstream.clone())
        .oneshot(request(URI_OF_B))
        .await;
    assert_eq!(called.unwrap().status(), 200);
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (2, 2)
    );
}

#[tokio::test]
async fn failure_is_never_callers_fault() {
    let setup = Setup::start().await;
    let exchange = setup.exchange();
    let denied = exchange
        .app_only_token(audience("service-z"))
        .await
        .unwrap_err();
    assert_eq!(denied.kind(), ExchangeErrorKind::TargetDenied);
    assert_eq!(denied.response().status(), 500);
    for code in ["invalid_grant", "invalid_request", "interaction_required"] {
        let body = format!(r#"{{"error":"{code}"}}"#);
        setup.idp.fault_once(Endpoint::Token, Fault::Body(body));
        let target = audience(&format!("service-of-{code}"));
        let error = exchange.app_only_token(target).await.unwrap_err();
        assert_answer(&error);
        assert_ne!(error.response().status(), 401, "{error}");
    }
}

#[tokio::test]
async fn step_up_is_passed_through() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let downstream = Downstream::default();
    let to_b = setup
        .exchange()
        .app_only_to_destination(service_b())
        .unwrap();
    let challenge = r#"Bearer error="insufficient_user_authentication""#;
    downstream.reply(401, &[("www-authenticate", challenge)]);
    let called = to_b
        .layer(downstream.clone())
        .oneshot(request(URI_OF_B))
        .await;
    assert_eq!(called.unwrap().status(), 401);
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (1, 1)
    );
}

#[tokio::test]
async fn target_names_may_be_literals() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let (exchange, caller) = (setup.exchange(), setup.caller("alice").await);
    exchange.token(&caller, "service-b").await.unwrap();
    exchange.app_only_token("service-b").await.unwrap();
    let asked = setup.idp.token_requests();
    let wrong = exchange.token(&caller, "").await.unwrap_err();
    let own = exchange.app_only_token("").await.unwrap_err();
    for error in [wrong, own] {
        assert_eq!(error.code(), "client_misconfigured");
    }
    assert_eq!(setup.idp.token_requests(), asked);
}
