//! The contract of tower services: backpressure of the inner service is respected, its errors are
//! passed on.

use std::future::{Ready, poll_fn, ready};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use http::{Request, Response};
use obo::destination::Target;
use obo::on_behalf_of::OnBehalfOfLayer;
use obo::token::ExchangeRequest;
use obo::{CallError, Client, ClientSecretBasic, Destinations, OnBehalfOf, TokenExchange};
use obo_testkit::{Endpoint, Fault};
use tower::limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer};
use tower::{Layer as _, Service, ServiceExt};

use crate::downstream::Downstream;
use crate::setup::{Setup, URI_OF_B, audience};

#[tokio::test]
async fn only_the_ready_service_is_called() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = setup.to_b();
    let mut service = service.on_behalf_of(&caller);
    // The first call exchanges, the second has a cached token. `Downstream` panics if it is called
    // unready.
    for _ in 0..2 {
        let service = ServiceExt::<Request<()>>::ready(&mut service).await;
        service.unwrap().call(Request::new(())).await.unwrap();
    }
    assert_eq!(downstream.received().len(), 2);
}

#[tokio::test]
async fn calls_do_not_share_readiness() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = setup.to_b();
    let mut service = service.on_behalf_of(&caller);
    setup.idp.fault(Endpoint::Token, Fault::Hang);
    let mut calls = Vec::new();
    for _ in 0..3 {
        let ready = ServiceExt::<Request<()>>::ready(&mut service).await;
        calls.push(tokio::spawn(ready.unwrap().call(Request::new(()))));
    }
    setup.idp.wait_for_requests(Endpoint::Token, 1).await;
    setup.idp.heal();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(downstream.received().len(), 3);
    assert_eq!(setup.idp.token_requests(), 1);
}

/// Never ready, or ready and then failing.
#[derive(Clone)]
struct Broken {
    unready: bool,
}

impl Service<Request<()>> for Broken {
    type Response = Response<()>;
    type Error = &'static str;
    type Future = Ready<Result<Response<()>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        match self.unready {
            true => Poll::Ready(Err("not ready")),
            false => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Err("broken"))
    }
}

#[tokio::test]
async fn inner_errors_are_distinguished() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let destination = obo::Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let layer = setup.exchange().to_destination(destination).unwrap();
    let mut service = layer.layer(Broken { unready: true }).on_behalf_of(&caller);
    let error = poll_fn(|cx| service.poll_ready(cx)).await.unwrap_err();
    assert!(matches!(error, CallError::Inner(ref error) if error.to_string() == "not ready"));
    assert_eq!(setup.idp.token_requests(), 0);

    let service = layer.layer(Broken { unready: false }).on_behalf_of(&caller);
    let error = service.oneshot(Request::new(())).await.unwrap_err();
    assert!(matches!(error, CallError::Inner(ref error) if error.to_string() == "broken"));
    assert_eq!(error.to_string(), "the call failed");
}

#[test]
fn services_can_be_cloned_and_sent() {
    fn anywhere<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send>(_: impl FnOnce(OnBehalfOf<Downstream>, Request<Box<dyn Send>>) -> T) {}
    anywhere::<OnBehalfOf<Downstream>>();
    anywhere::<OnBehalfOfLayer>();
    anywhere::<TokenExchange>();
    anywhere::<Destinations>();
    sent(|mut service, request| service.call(request));
}

#[tokio::test]
async fn token_wait_holds_no_permit() {
    let setup = Setup::start().await;
    let (alice, bob) = (setup.caller("alice").await, setup.caller("bob").await);
    let destination = obo::Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let limited = ConcurrencyLimit::new(Downstream::default(), 1);
    let service = setup
        .exchange()
        .to_destination(destination)
        .unwrap()
        .layer(limited);
    let mut of_alice = service.on_behalf_of(&alice);
    let mut of_bob = service.on_behalf_of(&bob);
    let bobs = ServiceExt::<Request<()>>::ready(&mut of_bob).await.unwrap();
    bobs.call(Request::new(())).await.unwrap();

    setup.idp.fault(Endpoint::Token, Fault::Hang);
    let ready = ServiceExt::<Request<()>>::ready(&mut of_alice).await;
    let mut waiting = ready.unwrap().call(Request::new(()));
    assert!((&mut waiting).now_or_never().is_none());
    setup.idp.wait_for_requests(Endpoint::Token, 1).await;
    for _ in 0..3 {
        let bobs = ServiceExt::<Request<()>>::ready(&mut of_bob).await.unwrap();
        let called = bobs.call(Request::new(())).now_or_never();
        called.expect("at once").unwrap();
    }
    setup.idp.heal();
    waiting.await.unwrap();
}

#[tokio::test]
async fn failed_call_holds_no_permit() {
    let setup = Setup::start().await;
    let destination = obo::Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let layer = setup.exchange().to_destination(destination).unwrap();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let service = || layer.layer(limit.layer(Downstream::default()));
    let (mut failing, mut other) = (service(), service());
    // Without a caller, no call is made.
    let ready = ServiceExt::<Request<()>>::ready(&mut failing).await;
    ready.unwrap().call(Request::new(())).await.unwrap_err();
    let ready = ServiceExt::<Request<()>>::ready(&mut other).now_or_never();
    ready.expect("a free permit").unwrap();
}

#[tokio::test]
async fn own_calls_wait_without_a_permit() {
    let setup = Setup::start().await;
    let client = setup.idp.client("service-a");
    client.may_request("service-b").may_request("service-c");
    let limited = ConcurrencyLimit::new(Downstream::default(), 1);
    let exchange = setup.exchange();
    let to = |uri, name| {
        let destination = obo::Destination::new(uri, audience(name)).unwrap();
        exchange
            .app_only_to_destination(destination)
            .unwrap()
            .layer(limited.clone())
    };
    let (mut to_b, mut to_c) = (
        to(URI_OF_B, "service-b"),
        to("https://c.example", "service-c"),
    );
    let ready = ServiceExt::<Request<()>>::ready(&mut to_b).await.unwrap();
    ready.call(Request::new(())).await.unwrap();
    setup.idp.fault(Endpoint::Token, Fault::Hang);
    let ready = ServiceExt::<Request<()>>::ready(&mut to_c).await.unwrap();
    let mut waiting = ready.call(Request::new(()));
    assert!((&mut waiting).now_or_never().is_none());
    let ready = ServiceExt::<Request<()>>::ready(&mut to_b).await.unwrap();
    ready.call(Request::new(())).await.unwrap();
    setup.idp.heal();
    waiting.await.unwrap();
}

#[tokio::test]
#[should_panic(expected = "polled after it completed")]
async fn polling_a_finished_call_panics() {
    let setup = Setup::start().await;
    let (mut service, _) = setup.to_b();
    // Without a caller, no call is made.
    let ready = ServiceExt::<Request<()>>::ready(&mut service).await;
    let mut refused = Box::pin(ready.unwrap().call(Request::new(())));
    drop(refused.as_mut().await);
    drop(refused.await);
}

#[tokio::test]
#[should_panic(expected = "polled after it completed")]
async fn polling_a_finished_exchange_panics() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let request = ExchangeRequest::new(&caller, Target::from(audience("service-b")));
    let mut exchanged = Box::pin(setup.exchange().call(request));
    drop(exchanged.as_mut().await);
    drop(exchanged.await);
}

#[test]
fn wrapped_client_can_be_reached() {
    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder("https://idp.example", client).build();
    let layer = exchange.unwrap().to(URI_OF_B, "service-b").unwrap();
    let mut service = OnBehalfOf::new("inner", layer);
    assert_eq!(*service.get_ref(), "inner");
    *service.get_mut() = "other";
    assert_eq!(service.into_inner(), "other");
}
