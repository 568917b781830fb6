//! Many callers that want the same token at the same time: one request, whatever happens to it or
//! to the waiters.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use obo::client::{Attempt, Authenticating, ClientAuth};
use obo::error::ExchangeErrorKind as Kind;
use obo::exchange::{Exchanged, TokenSource};
use obo::token_endpoint::TokenRequest;
use obo::{Caller, Client, ExchangeError, TokenExchange};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::setup::{Setup, assert_answer, audience};
use crate::stub::{Reply, Stub, issued};

type Call<'a> = Pin<Box<dyn Future<Output = Result<Exchanged, ExchangeError>> + Send + 'a>>;

/// Callers that have all requested a token and wait for the response.
fn asking<'a>(exchange: &'a TokenExchange, caller: &'a Caller, many: usize) -> Vec<Call<'a>> {
    let asking = (0..many).map(|_| {
        let mut call: Call<'a> = Box::pin(exchange.token(caller, audience("service-b")));
        assert!((&mut call).now_or_never().is_none());
        call
    });
    asking.collect()
}

/// A token endpoint that holds each request until the gate has a permit for it.
fn gated(setup: &Setup, reply: fn(usize) -> Reply) -> (Stub, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let stub = Stub::new(setup, move |number| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.unwrap().forget();
            reply(number)
        }
    });
    (stub, gate)
}

/// TX-44
#[tokio::test]
async fn thousand_callers_make_one_request() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (stub, gate) = gated(&setup, |_| issued("opaque", json!({})));
    let exchange = stub.exchange();
    let calls = asking(&exchange, &caller, 1000);
    gate.add_permits(1);
    for call in calls {
        let exchanged = call.await.unwrap();
        assert_eq!(exchanged.source(), TokenSource::Exchange);
        assert_eq!(exchanged.token().authorization(), "Bearer opaque");
    }
    assert_eq!(stub.requests(), 1);
    let later = exchange.token(&caller, audience("service-b")).await;
    assert_eq!(later.unwrap().source(), TokenSource::Cache);
}

/// TX-44
#[tokio::test]
async fn failure_is_shared_by_waiters() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (stub, gate) = gated(&setup, |number| match number {
        0 => crate::stub::json(400, &json!({ "error": "invalid_client" })),
        _ => issued("opaque", json!({})),
    });
    let exchange = stub.exchange();
    let calls = asking(&exchange, &caller, 1000);
    gate.add_permits(1);
    for call in calls {
        assert_eq!(call.await.unwrap_err().kind(), Kind::ClientMisconfigured);
    }
    assert_eq!(stub.requests(), 1);
    gate.add_permits(1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    let later = exchange.token(&caller, audience("service-b")).await;
    assert_eq!(later.unwrap().source(), TokenSource::Exchange);
    assert_eq!(stub.requests(), 2);
}

/// TX-44
#[tokio::test]
async fn leaving_leader_fails_no_waiter() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (stub, gate) = gated(&setup, |_| issued("opaque", json!({})));
    let exchange = stub.exchange();
    let mut calls = asking(&exchange, &caller, 10);
    drop(calls.drain(..5));
    gate.add_permits(1);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(stub.requests(), 1);
}

/// TX-44
#[tokio::test]
async fn abandoned_token_is_cached() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (stub, gate) = gated(&setup, |_| issued("opaque", json!({})));
    let exchange = stub.exchange();
    drop(asking(&exchange, &caller, 3));
    gate.add_permits(1);
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    let later = exchange.token(&caller, audience("service-b")).await;
    assert_eq!(later.unwrap().source(), TokenSource::Cache);
    assert_eq!(stub.requests(), 1);
}

/// Handles its first attempt as a test says; later ones succeed.
struct First(fn() -> Authenticating<'static>, AtomicUsize);

impl std::fmt::Debug for First {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("First")
    }
}

impl ClientAuth for First {
    fn authenticate<'a>(&'a self, _: &'a mut TokenRequest, _: Attempt<'a>) -> Authenticating<'a> {
        match self.1.fetch_add(1, Ordering::SeqCst) {
            0 => (self.0)(),
            _ => Box::pin(std::future::ready(Ok(()))),
        }
    }
}

/// An exchange whose first attempt to authenticate is handled like this.
fn exchange_with(stub: &Stub, first: fn() -> Authenticating<'static>) -> TokenExchange {
    let auth = First(first, AtomicUsize::new(0));
    TokenExchange::builder(stub.server.clone(), Client::new("service-a", auth))
        .build()
        .unwrap()
}

/// TX-44
#[tokio::test]
async fn panic_fails_only_its_waiters() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let stub = Stub::new(&setup, |_| std::future::ready(issued("opaque", json!({}))));
    for panics in [
        (|| panic!("of the test")) as fn() -> Authenticating<'static>,
        || Box::pin(async { panic!("of the test, later") }),
    ] {
        let exchange = exchange_with(&stub, panics);
        for call in asking(&exchange, &caller, 10) {
            let error = call.await.unwrap_err();
            assert_eq!(error.kind(), Kind::Transient);
            assert_answer(&error);
        }
        exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
    }
}

/// TX-44
#[tokio::test]
async fn hanging_authentication_times_out() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let stub = Stub::new(&setup, |_| std::future::ready(issued("opaque", json!({}))));
    let exchange = exchange_with(&stub, || Box::pin(std::future::pending()));
    tokio::time::pause();
    let call = exchange.token(&caller, audience("service-b"));
    let error = tokio::time::timeout(Duration::from_secs(15), call).await;
    assert_eq!(error.unwrap().unwrap_err().kind(), Kind::Transient);
    assert_eq!(stub.requests(), 0);
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
}

/// TX-44
#[tokio::test]
async fn flights_are_capped() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (stub, gate) = gated(&setup, |_| issued("opaque", json!({})));
    let exchange = stub.exchange();
    let mut calls: Vec<_> = (0..1024)
        .map(|n| Box::pin(exchange.token(&caller, audience(&format!("service-{n}")))))
        .collect();
    for call in &mut calls {
        assert!(call.now_or_never().is_none());
    }
    let error = exchange.token(&caller, audience("one-more")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Overloaded);
    assert_answer(&error);
    // Another subject still gets its share.
    let bob = setup.caller("bob").await;
    let mut of_bob = Box::pin(exchange.token(&bob, audience("service-b")));
    assert!((&mut of_bob).now_or_never().is_none());
    // A caller that wants a token under way takes no further place.
    let mut joined = Box::pin(exchange.token(&caller, audience("service-0")));
    assert!((&mut joined).now_or_never().is_none());

    gate.add_permits(1025);
    for call in calls {
        call.await.unwrap();
    }
    joined.await.unwrap();
    of_bob.await.unwrap();
    gate.add_permits(1);
    exchange.token(&caller, audience("one-more")).await.unwrap();
    assert_eq!(stub.requests(), 1026);
}
