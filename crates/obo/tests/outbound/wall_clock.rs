//! A wall clock that jumps: the machine slept, or the clock was set. Nothing is used past its end
//! on either clock.

use std::future::ready;
use std::time::Duration;

use obo::authorization_server::HttpService;
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::time::{Clock, TestClock, UnixTime};
use obo::{AuthorizationServer, Caller, ResourceServer, TokenExchange, Trust};
use serde_json::{Value, json};
use tower::service_fn;

use crate::setup::{Setup, audience, client, issuer};
use crate::stub::{Reply, Stub, issued, json};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A caller for ten hours, whose exchanges get this response, and a paused monotonic clock.
struct Jumping {
    caller: Caller,
    wall: TestClock,
    stub: Stub,
    exchange: TokenExchange,
}

impl Jumping {
    async fn start(reply: impl Fn() -> Reply + Clone + Send + Sync + 'static) -> Self {
        let setup = Setup::start().await;
        let wall = TestClock::new(Clock::system().now());
        let subject = setup.idp.user("alice").audience("service-a");
        let caller = setup.validated(&subject.expires_in(36_000).mint()).await;
        let stub = Stub::new(&setup, move |_| ready(reply()));
        tokio::time::pause();
        let exchange = stub.builder().clock(wall.clone()).build().unwrap();
        Self {
            caller,
            wall,
            stub,
            exchange,
        }
    }

    async fn source(&self) -> TokenSource {
        let exchanged = self.exchange.token(&self.caller, audience("service-b"));
        exchanged.await.unwrap().source()
    }
}

#[tokio::test]
async fn no_token_outlives_a_suspend() {
    for stated in [json!(300), Value::Null, json!(7200)] {
        let more = json!({ "expires_in": stated });
        let jumping = Jumping::start(move || issued("opaque", more.clone())).await;
        assert_eq!(jumping.source().await, TokenSource::Exchange);
        assert_eq!(jumping.source().await, TokenSource::Cache);
        jumping.wall.advance(seconds(3600));
        assert_eq!(jumping.source().await, TokenSource::Exchange, "{stated}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn short_suspend_keeps_tokens() {
    let jumping = Jumping::start(|| issued("opaque", json!({}))).await;
    jumping.source().await;
    jumping.wall.advance(seconds(200));
    assert_eq!(jumping.source().await, TokenSource::Cache);
}

#[tokio::test]
async fn clock_set_back_prolongs_no_token() {
    let jumping = Jumping::start(|| issued("opaque", json!({}))).await;
    jumping.source().await;
    let early = jumping.wall.now().as_secs() - 3600;
    jumping.wall.set(UnixTime::from_secs(early));
    assert_eq!(jumping.source().await, TokenSource::Cache);
    tokio::time::advance(seconds(300)).await;
    assert_eq!(jumping.source().await, TokenSource::Exchange);
}

#[tokio::test]
async fn no_refusal_outlives_a_suspend() {
    let refused = || json(400, &json!({ "error": "invalid_target" }));
    let jumping = Jumping::start(refused).await;
    for (slept, requests) in [(0, 1), (4, 1), (1, 2)] {
        jumping.wall.advance(seconds(slept));
        let asked = jumping
            .exchange
            .token(&jumping.caller, audience("service-b"));
        let error = asked.await.unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::TargetDenied);
        assert_eq!(jumping.stub.requests(), requests);
    }
}

#[tokio::test]
async fn own_tokens_follow_wall_clock() {
    let jumping = Jumping::start(|| issued("own", json!({}))).await;
    for (slept, source) in [
        (0, TokenSource::Exchange),
        (0, TokenSource::Cache),
        (300, TokenSource::Exchange),
    ] {
        jumping.wall.advance(seconds(slept));
        let own = jumping.exchange.app_only_token(audience("service-b")).await;
        assert_eq!(own.unwrap().source(), source);
    }
}

#[tokio::test]
async fn document_is_renewed_after_suspend() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let wall = TestClock::new(Clock::system().now());
    tokio::time::pause();
    let id = issuer(&setup.idp);
    let document = json!({ "issuer": id.as_str(), "token_endpoint": "https://idp.example/token" });
    let (asked, mut discoveries) = tokio::sync::mpsc::unbounded_channel();
    let http = HttpService::new(service_fn(move |request: http::Request<bytes::Bytes>| {
        let is_token = request.method() == http::Method::POST;
        if !is_token {
            asked.send(()).unwrap();
        }
        ready(Ok::<_, std::convert::Infallible>(match is_token {
            true => issued("for-b", json!({ "expires_in": 0 })),
            false => json(200, &document),
        }))
    }));
    let exchange = TokenExchange::builder(
        AuthorizationServer::builder(id)
            .with_http(http)
            .build()
            .unwrap(),
        client(),
    )
    .clock(wall.clone())
    .build()
    .unwrap();
    let exchanged = || exchange.token(&caller, audience("service-b"));
    exchanged().await.unwrap();
    exchanged().await.unwrap();
    discoveries.recv().await.unwrap();
    assert!(discoveries.try_recv().is_err());
    wall.advance(seconds(3600));
    // The caller's own token is valid for that long.
    let subject = setup.idp.user("alice").audience("service-a");
    tokio::time::resume();
    let caller = setup.validated(&subject.expires_in(7200).mint()).await;
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    discoveries.recv().await.unwrap();
}

/// A caller whose token is valid for half a day, at a service that accepts tokens of up to five
/// minutes.
async fn aging() -> (Setup, TestClock, Caller) {
    let setup = Setup::start().await;
    let wall = TestClock::new(Clock::system().now());
    let trust = Trust::new(setup.idp.issuer()).max_token_age(seconds(300));
    let server = ResourceServer::builder("service-a").trust(trust);
    let server = server.clock(wall.clone()).build().unwrap();
    let subject = setup.idp.user("alice").audience("service-a");
    let token = subject.expires_in(43_200).mint();
    let caller = server.validate(&token).await.unwrap();
    (setup, wall, caller)
}

/// JW-27
#[tokio::test]
async fn aged_caller_gets_no_token() {
    let (setup, wall, caller) = aging().await;
    assert_eq!(
        caller.ends_at(),
        caller.issued_at().unwrap().saturating_add(seconds(300))
    );
    assert!(caller.ends_at() < caller.expires_at());
    let exchange = setup.builder().clock(wall.clone()).build().unwrap();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    wall.set(caller.ends_at());
    let refused = exchange.token(&caller, audience("service-b")).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::SubjectInvalid);
    assert!(error.to_string().contains("expired"), "{error}");
    assert_eq!(setup.idp.token_requests(), 1);
}

/// JW-27
#[tokio::test]
async fn renewal_stops_at_callers_age() {
    let (setup, wall, caller) = aging().await;
    let stub = Stub::new(&setup, |_| {
        ready(issued("opaque", json!({ "expires_in": 900 })))
    });
    tokio::time::pause();
    let exchange = stub.builder().clock(wall.clone()).build().unwrap();
    // Without the maximum age it would be used for 840 s, and renewed after 630 s at most.
    for (passed, requests) in [(0, 1), (230, 1), (20, 2)] {
        wall.advance(seconds(passed));
        tokio::time::advance(seconds(passed)).await;
        exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
        tokio::task::yield_now().await;
        assert_eq!(stub.requests(), requests, "after {passed} s more");
    }
}
