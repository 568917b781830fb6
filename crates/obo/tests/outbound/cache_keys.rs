//! Which calls share a token: those of one caller to one target, and no others.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::FutureExt as _;
use http::Request;
use obo::destination::Target;
use obo::exchange::{Exchanged, TokenSource};
use obo::token::{ActorToken, ExchangeRequest, TokenType};
use obo::{Caller, Scope, Secret, TokenExchange};
use serde_json::json;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::setup::{Setup, audience, claims, to_b};
use crate::stub::{Stub, issued};

/// TX-41
#[tokio::test]
async fn second_call_uses_cached_token() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = setup.to_b();
    for expected in [TokenSource::Exchange, TokenSource::Cache] {
        let service = service.on_behalf_of(&caller);
        let response = service.oneshot(Request::new(())).await.unwrap();
        assert_eq!(response.extensions().get(), Some(&expected));
    }
    assert_eq!(setup.idp.token_requests(), 1);
    let received = downstream.received();
    assert_eq!(received[0]["authorization"], received[1]["authorization"]);
}

/// TX-41
#[tokio::test]
async fn only_clones_share_a_cache() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let exchange = setup.exchange();
    let with = async |exchange: TokenExchange| {
        let exchanged = exchange.token(&caller, audience("service-b")).await;
        exchanged.unwrap().source()
    };
    assert_eq!(with(exchange.clone()).await, TokenSource::Exchange);
    assert_eq!(with(exchange.clone()).await, TokenSource::Cache);
    let other = setup.builder().dialect(obo::dialect::Rfc8693::new());
    assert_eq!(with(other.build().unwrap()).await, TokenSource::Exchange);
    let other = setup.builder().clock(obo::time::Clock::system());
    assert_eq!(with(other.build().unwrap()).await, TokenSource::Exchange);
    assert_eq!(with(setup.exchange()).await, TokenSource::Exchange);
}

/// Requests, each of which differs from the first in one thing.
async fn different_requests(setup: &Setup) -> Vec<ExchangeRequest> {
    let token = setup.idp.user("alice").audience("service-a");
    let caller = setup.validated(&token.mint()).await;
    // The same user with another token: after a step-up, or of another session.
    let again = setup.validated(&token.claim("acr", "gold").mint()).await;
    let other = setup.caller("bob").await;
    let to = |name: &str| Target::audience(audience(name));
    let scope = |values: &[&str]| Scope::new(values).unwrap();
    let resource = obo::Resource::new("urn:service-b").unwrap();
    let plain = || ExchangeRequest::new(&caller, to("service-b"));
    let of = |caller: &Caller| ExchangeRequest::new(caller, to("service-b"));
    let target = |target: Target| ExchangeRequest::new(&caller, target);
    let actor = |name: &'static str, kind| ActorToken::new(Secret::new("actor"), kind, name);
    vec![
        plain(),
        of(&again),
        of(&other),
        target(to("service-c")),
        target(to("service-b").and_audience(audience("service-c"))),
        target(Target::audience(audience("urn:service-b"))),
        target(Target::resource(resource.clone())),
        target(to("service-b").and_resource(resource)),
        target(to("service-b").with_scope(scope(&["read"]))),
        target(to("service-b").with_scope(scope(&["read", "write"]))),
        plain().with_requested_type(TokenType::ACCESS_TOKEN),
        plain().with_actor(actor("a", TokenType::JWT)),
        plain().with_actor(actor("b", TokenType::JWT)),
        plain().with_actor(actor("a", TokenType::ACCESS_TOKEN)),
    ]
}

/// TX-41
#[tokio::test]
async fn any_difference_gets_its_own_token() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |number| {
        ready(issued(&format!("t{number}"), json!({})))
    });
    let exchange = stub.exchange();
    let requests = different_requests(&setup).await;
    for round in 0..2 {
        for (number, request) in requests.iter().enumerate() {
            let exchanged = exchange.clone().oneshot(request.clone()).await.unwrap();
            let value = exchanged.token().authorization();
            assert_eq!(value, &*format!("Bearer t{number}"), "round {round}");
        }
    }
    assert_eq!(stub.requests(), requests.len());
}

/// TX-41
#[tokio::test]
async fn order_and_renewed_actor_share_entry() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |_| ready(issued("t", json!({}))));
    let (exchange, caller) = (stub.exchange(), setup.caller("alice").await);
    for (first, second, actor) in [("b", "c", "old"), ("c", "b", "new")] {
        let target = Target::audience(audience(first)).and_audience(audience(second));
        let actor = ActorToken::new(Secret::new(actor), TokenType::JWT, "service-a/1");
        let request = ExchangeRequest::new(&caller, target).with_actor(actor);
        exchange.clone().oneshot(request).await.unwrap();
    }
    assert_eq!(stub.requests(), 1);
}

/// MT-08
#[tokio::test]
async fn each_certificate_has_its_tokens() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |number| {
        ready(issued(&format!("t{number}"), json!({})))
    });
    let certificate = Arc::new(AtomicU8::new(0));
    let present = Arc::clone(&certificate);
    let exchange = stub.builder();
    let exchange = exchange.bound_to_certificate(move || [present.load(Ordering::SeqCst); 32]);
    let exchange = exchange.danger_unchecked_binding().build().unwrap();
    let (service, downstream) = to_b(&exchange);
    let service = service.on_behalf_of(&setup.caller("alice").await);
    for (number, token) in [
        (0, "t0"),
        (0, "t0"),
        (1, "t1"),
        (1, "t1"),
        (2, "t2"),
        (0, "t0"),
    ] {
        certificate.store(number, Ordering::SeqCst);
        service.clone().oneshot(Request::new(())).await.unwrap();
        assert_eq!(downstream.authorization(), &*format!("Bearer {token}"));
    }
    // A token of this service itself is bound in the same way.
    for (number, asked) in [(0, 4), (0, 4), (1, 5)] {
        certificate.store(number, Ordering::SeqCst);
        exchange
            .app_only_token(audience("service-b"))
            .await
            .unwrap();
        assert_eq!(stub.requests(), asked);
    }
}

/// MT-08
#[tokio::test]
async fn old_certificate_token_is_not_cached() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let certificate = Arc::new(AtomicU8::new(0));
    let (present, renewed) = (Arc::clone(&certificate), Arc::clone(&certificate));
    let stub = Stub::new(&setup, move |number| {
        if number == 0 {
            renewed.store(1, Ordering::SeqCst);
        }
        ready(issued(&format!("t{number}"), json!({})))
    });
    let exchange = stub.builder();
    let exchange = exchange.bound_to_certificate(move || [present.load(Ordering::SeqCst); 32]);
    let exchange = exchange.danger_unchecked_binding().build().unwrap();
    let token = async || {
        let exchanged = exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
        exchanged.token().expose().to_owned()
    };
    assert_eq!(token().await, "t0");
    assert_eq!(token().await, "t1");
    certificate.store(0, Ordering::SeqCst);
    assert_eq!(token().await, "t2");
    certificate.store(1, Ordering::SeqCst);
    assert_eq!(token().await, "t1");
}

const USERS: usize = 100;
const AUDIENCES: usize = 20;

/// TX-41, TX-44
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_users_never_share_a_token() {
    let setup = Setup::start().await;
    for number in 0..AUDIENCES {
        let client = setup.idp.client("service-a");
        client.may_exchange_to(&format!("audience-{number}"));
    }
    let exchange = setup.exchange();
    let mut calls = JoinSet::new();
    for user in 0..USERS {
        let caller = Arc::new(setup.caller(&format!("user-{user}")).await);
        for round in 0..3 {
            let (exchange, caller) = (exchange.clone(), Arc::clone(&caller));
            calls.spawn(async move { all_audiences(exchange, &caller, user, round).await });
        }
    }
    calls.join_all().await;
    assert_eq!(setup.idp.token_requests(), USERS * AUDIENCES);
}

/// Requests a token for each audience, in another order each round; every third call is dropped at
/// once and made again.
async fn all_audiences(exchange: TokenExchange, caller: &Caller, user: usize, round: usize) {
    for step in 0..AUDIENCES {
        let number = (step * [1, 7, 11][round] + user) % AUDIENCES;
        let name = format!("audience-{number}");
        if (step + round + user).is_multiple_of(3) {
            drop(exchange.token(caller, audience(&name)).now_or_never());
        }
        let exchanged: Exchanged = exchange.token(caller, audience(&name)).await.unwrap();
        let claims = claims(exchanged.token().authorization());
        assert_eq!(claims["aud"], *name);
        assert_eq!(claims["sub"], format!("user-{user}"));
    }
}
