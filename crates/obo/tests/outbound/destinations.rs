//! For whom and to where: the subject and the destination of each request.

use http::Request;
use obo::{CallError, Destination, Destinations, ExchangeErrorKind, OnBehalfOf};
use tower::{Layer as _, ServiceExt as _};

use crate::downstream::Downstream;
use crate::setup::{Setup, assert_answer, audience, claims};

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

fn to_b_or_c(setup: &Setup) -> (OnBehalfOf<Downstream>, Downstream) {
    setup.idp.client("service-a").may_exchange_to("service-c");
    let at = |uri: &str, name: &str| Destination::new(uri, audience(name)).unwrap();
    let destinations = Destinations::new([
        at("https://b.example", "service-b"),
        at("https://shared.example:8443/c", "service-c"),
    ]);
    let downstream = Downstream::default();
    let layer = setup.exchange().to_any(destinations.unwrap());
    (layer.layer(downstream.clone()), downstream)
}

#[tokio::test]
async fn bt_21_each_request_gets_the_token_of_where_it_goes() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = to_b_or_c(&setup);
    let service = service.on_behalf_of(&caller);
    for (uri, expected) in [
        ("https://b.example/stock?q=1", "service-b"),
        ("https://shared.example:8443/c/1", "service-c"),
        ("https://B.example:443", "service-b"),
    ] {
        service.clone().oneshot(get(uri)).await.unwrap();
        assert_eq!(claims(&downstream.authorization())["aud"], expected);
    }
    assert_eq!(setup.idp.token_requests(), 2);
}

#[tokio::test]
async fn bt_21_any_other_place_is_refused_before_anything_is_asked() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let before = setup.idp.requests().len();
    let (service, downstream) = to_b_or_c(&setup);
    let service = service.on_behalf_of(&caller);
    for uri in [
        "http://b.example/",
        "https://b.example:444/",
        "https://b.example.evil.example/",
        "https://b.example@evil.example/",
        "https://shared.example:8443/",
        "https://shared.example:8443/cc",
        "https://shared.example:8443/c/../b",
        "https://shared.example:8443/c/..;/b",
        "https://shared.example:8443/c/%2E%2E/b",
        "https://shared.example/c",
        "/c",
    ] {
        let called = service.clone().oneshot(get(uri)).await;
        let Err(CallError::Exchange(error)) = called else {
            panic!("called {uri}");
        };
        assert_eq!(error.kind(), ExchangeErrorKind::UnknownDestination, "{uri}");
        assert_answer(&error);
    }
    assert!(downstream.received().is_empty());
    assert_eq!(setup.idp.requests().len(), before);
}

#[tokio::test]
async fn bt_21_a_fixed_destination_refuses_a_request_to_another_place() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = setup.to_b();
    let service = service.on_behalf_of(&caller);
    for other in [
        "https://service-c.example/",
        "http://service-b.example/",
        "https://service-b.example:8443/",
    ] {
        let called = service.clone().oneshot(get(other)).await;
        let Err(CallError::Exchange(error)) = called else {
            panic!("called {other}");
        };
        assert_eq!(error.kind(), ExchangeErrorKind::UnknownDestination);
    }
    assert!(downstream.received().is_empty());
    assert_eq!(setup.idp.token_requests(), 0);
    // A channel's requests name no authority, or the channel's own.
    for same in ["/stock", "https://service-b.example/stock"] {
        service.clone().oneshot(get(same)).await.unwrap();
    }
}

#[tokio::test]
async fn tx_38_the_caller_given_beats_the_one_in_the_request() {
    let setup = Setup::start().await;
    let (alice, bob) = (setup.caller("alice").await, setup.caller("bob").await);
    let (service, downstream) = setup.to_b();
    let from_bob = || {
        let mut request = get("/");
        request.extensions_mut().insert(bob.clone());
        request
    };
    service.clone().oneshot(from_bob()).await.unwrap();
    assert_eq!(claims(&downstream.authorization())["sub"], "bob");
    let for_alice = service.on_behalf_of(&alice);
    for_alice.clone().oneshot(from_bob()).await.unwrap();
    assert_eq!(claims(&downstream.authorization())["sub"], "alice");
    for_alice
        .on_behalf_of(&bob)
        .oneshot(get("/"))
        .await
        .unwrap();
    assert_eq!(claims(&downstream.authorization())["sub"], "bob");
    // The service they were made from is nobody's.
    service.oneshot(get("/")).await.unwrap_err();
}
