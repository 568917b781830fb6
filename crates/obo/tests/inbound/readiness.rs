//! The contract of tower: only a ready service is called, and a caller may cancel at any time.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use http::{Request, Response};
use obo::bearer::BearerAuth;
use obo::expiry::Expiry;
use obo::{BearerAuthLayer, ExpiryLayer, RequireLayer, Rule};
use tower::limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer};
use tower::{Layer as _, Service, ServiceExt as _};

use crate::guarded::{Guarded, service_a, with_line};
use crate::introspecting::{INTROSPECT, OPAQUE, in_process};
use crate::issuer::{FakeIssuer, JWKS, Reply};

/// Must be polled ready before each call. Its clones must be polled too.
#[derive(Default)]
struct Strict {
    is_ready: Cell<bool>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready.set(true);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(self.is_ready.take(), "called without being ready");
        ready(Ok(Response::new("inner".to_owned())))
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_ready_instance_is_called() {
    let idp = FakeIssuer::new().await;
    let rule = RequireLayer::new(Rule::user()).unwrap();
    let layer = BearerAuthLayer::new(service_a(idp.known()));
    let mut service = layer.layer(rule.layer(Strict::default()));
    let request = || with_line(format!("Bearer {}", idp.token().mint()));

    let waiting = service.ready().await.unwrap().call(request());
    assert_eq!(waiting.await.unwrap().body(), "inner");
    let at_once = service.ready().await.unwrap().call(request());
    assert_eq!(at_once.now_or_never().unwrap().unwrap().body(), "inner");
    let refused = service.ready().await.unwrap().call(Request::new(()));
    assert_eq!(refused.await.unwrap().status(), 401);

    idp.rotate("k2");
    let first = service.ready().await.unwrap().call(request());
    let second = service.ready().await.unwrap().call(request());
    assert_eq!(second.await.unwrap().body(), "inner");
    assert_eq!(first.await.unwrap().body(), "inner");
}

#[tokio::test(start_paused = true)]
async fn unready_service_makes_layer_unready() {
    #[derive(Clone)]
    struct Busy;
    impl Service<Request<()>> for Busy {
        type Response = Response<()>;
        type Error = &'static str;
        type Future = Ready<Result<Response<()>, &'static str>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Pending
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            panic!("never ready");
        }
    }
    let idp = FakeIssuer::new().await;
    let layer = BearerAuthLayer::new(service_a(idp.known()));
    assert!(layer.layer(Busy).ready().now_or_never().is_none());
    let layer = RequireLayer::new(Rule::user()).unwrap();
    assert!(layer.layer(Busy).ready().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn leaving_caller_keeps_fetch_alive() {
    let idp = FakeIssuer::new().await;
    idp.reply(JWKS, Reply::Hang);
    let guarded = Guarded::by(idp.known());
    let token = idp.token().mint();
    let mut leader = Box::pin(guarded.status(&token));
    assert!((&mut leader).now_or_never().is_none());
    let mut other = Box::pin(guarded.status(&token));
    assert!((&mut other).now_or_never().is_none());
    idp.arrived(1).await;
    drop(leader);
    idp.heal();
    assert_eq!(other.await, 200);
    assert_eq!((idp.fetches(), guarded.admitted()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn fetch_continues_without_callers() {
    let idp = FakeIssuer::new().await;
    idp.reply(JWKS, Reply::Hang);
    let guarded = Guarded::by(idp.known());
    let token = idp.token().mint();
    assert!(guarded.status(&token).now_or_never().is_none());
    idp.arrived(1).await;
    idp.heal();
    assert_eq!(guarded.status(&token).await, 200);
    assert_eq!((idp.fetches(), guarded.admitted()), (1, 1));
}

/// A service with a concurrency limit of one, inside the layer.
fn limited(server: obo::ResourceServer) -> obo::bearer::BearerAuth<ConcurrencyLimit<Guarding>> {
    let inner = tower::service_fn(inner as fn(Request<()>) -> _);
    BearerAuthLayer::new(server).layer(ConcurrencyLimit::new(inner, 1))
}

type Guarding =
    tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<String>, Infallible>>>;

fn inner(_: Request<()>) -> Ready<Result<Response<String>, Infallible>> {
    ready(Ok(Response::new("inner".to_owned())))
}

#[tokio::test(start_paused = true)]
async fn waiting_for_keys_holds_no_permit() {
    let idp = FakeIssuer::new().await;
    let mut service = limited(service_a(idp.known()));
    let request = |token: &str| with_line(format!("Bearer {token}"));
    let known = idp.token().mint();
    let first = service.ready().await.unwrap().call(request(&known));
    first.await.unwrap();

    idp.rotate("k2");
    idp.reply(JWKS, Reply::Hang);
    let mut waiting = service
        .ready()
        .await
        .unwrap()
        .call(request(&idp.token().mint()));
    assert!((&mut waiting).now_or_never().is_none());
    for _ in 0..3 {
        let mut other = service.clone();
        let other = other.ready().await.unwrap().call(request(&known));
        assert_eq!(other.now_or_never().unwrap().unwrap().body(), "inner");
        let again = service.ready().await.unwrap().call(request(&known));
        assert_eq!(again.now_or_never().unwrap().unwrap().body(), "inner");
    }
    idp.heal();
    assert_eq!(waiting.await.unwrap().body(), "inner");
}

#[tokio::test(start_paused = true)]
async fn refused_request_holds_no_permit() {
    let idp = FakeIssuer::new().await;
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let layer = BearerAuthLayer::new(service_a(idp.known()));
    let service = || layer.layer(limit.layer(tower::service_fn(inner)));
    let (mut refusing, mut other) = (service(), service());
    let refused = refusing.ready().await.unwrap().call(Request::new(()));
    other
        .ready()
        .now_or_never()
        .expect("a free permit")
        .unwrap();
    assert_eq!(refused.await.unwrap().status(), 401);
}

#[tokio::test(start_paused = true)]
async fn introspection_wait_holds_no_permit() {
    let (idp, server) = in_process(|settings| settings).await;
    let mut service = limited(server);
    let request = |token: &str| with_line(format!("Bearer {token}"));
    service
        .ready()
        .await
        .unwrap()
        .call(request(OPAQUE))
        .await
        .unwrap();
    idp.reply(
        INTROSPECT,
        Reply::Held(crate::introspecting::active(&idp).to_string()),
    );
    let mut waiting = service.ready().await.unwrap().call(request("another"));
    assert!((&mut waiting).now_or_never().is_none());
    idp.arrived(2).await;
    let other = service.ready().await.unwrap().call(request(OPAQUE));
    assert_eq!(other.now_or_never().unwrap().unwrap().body(), "inner");
    idp.release();
    assert_eq!(waiting.await.unwrap().body(), "inner");
}

#[tokio::test(start_paused = true)]
async fn limit_holds_after_a_wait() {
    let idp = FakeIssuer::new().await;
    let mut service = limited(service_a(idp.known()));
    let token = idp.token().mint();
    let request = || with_line(format!("Bearer {token}"));
    let mut waiting = service.ready().await.unwrap().call(request());
    // Another request has the permit when the keys arrive.
    let holder = service.ready().await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(1), &mut waiting)
        .await
        .unwrap_err();
    holder.call(request()).await.unwrap();
    assert_eq!(waiting.await.unwrap().body(), "inner");
}

#[tokio::test(start_paused = true)]
async fn failure_after_a_wait_is_returned() {
    #[derive(Clone)]
    struct Failing(bool);
    impl Service<Request<()>> for Failing {
        type Response = Response<String>;
        type Error = &'static str;
        type Future = Ready<Result<Response<String>, &'static str>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            // Ready only once.
            Poll::Ready(match std::mem::replace(&mut self.0, true) {
                true => Err("not ready"),
                false => Ok(()),
            })
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            ready(Ok(Response::new("inner".to_owned())))
        }
    }
    let idp = FakeIssuer::new().await;
    let mut service = BearerAuthLayer::new(service_a(idp.known())).layer(Failing(false));
    let request = with_line(format!("Bearer {}", idp.token().mint()));
    let error = service.ready().await.unwrap().call(request).await;
    assert_eq!(error.unwrap_err(), "not ready");
}

/// Polls a refusal once more after it completed.
async fn polled_twice<S: Service<Request<()>>>(mut service: S) {
    let mut refused = Box::pin(service.call(Request::new(())));
    drop(refused.as_mut().await);
    drop(refused.await);
}

#[tokio::test]
#[should_panic(expected = "polled after it completed")]
async fn finished_bearer_future_panics() {
    let layer = BearerAuthLayer::new(service_a("https://idp.example"));
    polled_twice(BearerAuth::new(Strict::default(), layer)).await;
}

#[tokio::test]
#[should_panic(expected = "polled after it completed")]
async fn finished_expiry_future_panics() {
    let layer = ExpiryLayer::new(service_a("https://idp.example"));
    polled_twice(Expiry::new(Strict::default(), layer)).await;
}

#[test]
fn wrapped_service_can_be_reached() {
    let server = service_a("https://idp.example");
    let mut bearer = BearerAuthLayer::new(server.clone()).layer("inner");
    assert_eq!(*bearer.get_ref(), "inner");
    *bearer.get_mut() = "another";
    let mut expiry = ExpiryLayer::new(server).layer(bearer.into_inner());
    assert_eq!(*expiry.get_ref(), "another");
    *expiry.get_mut() = "third";
    assert_eq!(expiry.into_inner(), "third");
}
