//! The source of the actor's token: none, a fixed one, one that is fetched, or the service's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use obo::Secret;
use obo::error::ExchangeErrorKind;
use obo::exchange::ActorSource;
use obo::exchange::TokenSource;
use obo::token::{ActorToken, TokenType};
use obo::token_endpoint::{ErrorClass, TokenEndpointError};
use obo_testkit::{Endpoint, Recorded};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::setup::{Setup, assert_answer, audience, claims};
use crate::stub::{Stub, issued, json as reply};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn exchanges(setup: &Setup) -> Vec<Recorded> {
    let asked = setup.idp.requests().into_iter();
    let exchanges = asked.filter(|request| {
        request.endpoint == Some(Endpoint::Token) && request.param("subject_token").is_some()
    });
    exchanges.collect()
}

/// OT-02
#[tokio::test]
async fn no_actor_is_sent_by_default() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let exchanged = setup.exchange().token(&caller, audience("service-b")).await;
    let claims = claims(exchanged.unwrap().token().authorization());
    assert_eq!(claims["act"]["sub"], "service-a");
    let asked = setup.asked();
    assert_eq!(
        (asked.param("actor_token"), asked.param("actor_token_type")),
        (None, None)
    );
}

/// OT-02, TX-03
#[tokio::test]
async fn fixed_actor_is_sent_with_type() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let token = setup.idp.service("service-a").audience("service-a").mint();
    let actor = ActorToken::new(Secret::new(token.as_str()), TokenType::ACCESS_TOKEN, "a");
    let exchange = setup
        .builder()
        .actor(ActorSource::fixed(actor))
        .build()
        .unwrap();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    let asked = setup.asked();
    assert_eq!(asked.param("actor_token"), Some(&*token));
    assert_eq!(asked.param("actor_token_type"), Some(ACCESS_TOKEN));
}

/// OT-02
#[tokio::test]
async fn own_token_serves_all_users() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-a");
    let actor = ActorSource::client_credentials_for(audience("service-a"));
    let exchange = setup.builder().actor(actor).build().unwrap();
    for user in ["alice", "bob"] {
        let caller = setup.caller(user).await;
        let exchanged = exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
        let claims = claims(exchanged.token().authorization());
        assert_eq!(
            (&claims["sub"], &claims["act"]["sub"]),
            (&user.into(), &"service-a".into())
        );
    }
    let exchanges = exchanges(&setup);
    assert_eq!((exchanges.len(), setup.idp.token_requests()), (2, 3));
    assert_eq!(
        exchanges[0].param("actor_token"),
        exchanges[1].param("actor_token")
    );
    assert!(exchanges[0].param("actor_token").is_some());
}

/// OT-02
#[tokio::test]
async fn fetched_actor_can_be_renewed() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let fetched = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&fetched);
    let actor = ActorSource::fetched(TokenType::JWT, move || {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        async move { Ok(Secret::new(format!("actor-{number}"))) }
    });
    let stub = Stub::new(&setup, |_| std::future::ready(issued("opaque", json!({}))));
    let exchange = stub.builder().actor(actor).build().unwrap();
    for (service, source) in [
        ("service-b", TokenSource::Exchange),
        ("service-b", TokenSource::Cache),
        ("service-c", TokenSource::Exchange),
    ] {
        let exchanged = exchange.token(&caller, audience(service)).await.unwrap();
        assert_eq!(exchanged.source(), source);
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
    let asked = stub.asked();
    assert!(asked.contains(&("actor_token".to_owned(), "actor-1".to_owned())));
}

/// TX-39
#[tokio::test]
async fn exchange_needs_its_actor() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for class in [ErrorClass::Transient, ErrorClass::ClientMisconfigured] {
        let actor = ActorSource::fetched(TokenType::JWT, move || async move {
            Err(TokenEndpointError::new(class, "the platform gives none"))
        });
        let exchange = setup.builder().actor(actor).build().unwrap();
        let error = exchange.token(&caller, audience("service-b")).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), class.code());
        assert_answer(&error);
    }
    // The service's own token may have no target.
    let exchange = setup.builder();
    let exchange = exchange.actor(ActorSource::client_credentials_for(audience("service-a")));
    let exchange = exchange.build().unwrap();
    let error = exchange.token(&caller, audience("service-b")).await;
    assert_eq!(
        error.unwrap_err().kind(),
        ExchangeErrorKind::ClientMisconfigured
    );
    assert!(exchanges(&setup).is_empty());
}

#[tokio::test]
async fn hanging_actor_times_out() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let actor = ActorSource::fetched(TokenType::JWT, std::future::pending);
    let exchange = setup.builder().actor(actor).build().unwrap();
    tokio::time::pause();
    let error = exchange.token(&caller, audience("service-b")).await;
    assert_eq!(error.unwrap_err().kind(), ExchangeErrorKind::Transient);
}

/// The first own token is refused late, and the next one is not issued.
#[tokio::test]
async fn own_token_keeps_the_deadline() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let own = Arc::new(AtomicUsize::new(0));
    let stub = Stub::by_request(&setup, move |form, _| {
        let is_own = !form.iter().any(|(name, _)| name == "subject_token");
        let number = is_own.then(|| own.fetch_add(1, Ordering::SeqCst));
        async move {
            match number {
                Some(0) => issued("own", json!({})),
                Some(_) => std::future::pending().await,
                None => {
                    sleep(Duration::from_secs(4)).await;
                    reply(400, &json!({ "error": "invalid_request" }))
                }
            }
        }
    });
    let deadline = Duration::from_secs(6);
    let exchange = stub.builder().actor(ActorSource::client_credentials());
    let exchange = exchange.deadline(deadline).build().unwrap();
    tokio::time::pause();
    let start = Instant::now();
    let error = exchange.token(&caller, audience("service-b")).await;
    assert_eq!(error.unwrap_err().kind(), ExchangeErrorKind::Transient);
    assert!(start.elapsed() < deadline + Duration::from_secs(1));
}

#[tokio::test]
async fn own_token_takes_no_concurrency_slot() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-a");
    let actor = ActorSource::client_credentials_for(audience("service-a"));
    let exchange = setup.builder().actor(actor).concurrency(1).build().unwrap();
    let caller = setup.caller("alice").await;
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
}

#[tokio::test]
async fn actor_failure_blames_no_user() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for class in [
        ErrorClass::SubjectInvalid,
        ErrorClass::StepUp,
        ErrorClass::TargetDenied,
    ] {
        let actor = ActorSource::fetched(TokenType::JWT, move || async move {
            Err(TokenEndpointError::new(class, "the platform gives none"))
        });
        let exchange = setup.builder().actor(actor).build().unwrap();
        let error = exchange.token(&caller, audience("service-b")).await;
        assert_eq!(
            error.unwrap_err().kind(),
            ExchangeErrorKind::ClientMisconfigured
        );
    }
}
