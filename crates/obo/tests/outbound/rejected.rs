//! The called service rejects the token: it is evicted, and the request is sent once more with a
//! new token if its body can be sent again.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::on_behalf_of::Replay;
use obo::{Destination, OnBehalfOf};
use obo_testkit::{Endpoint, Fault};
use tokio::sync::Barrier;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::downstream::Downstream;
use crate::raw_server::RawServer;
use crate::setup::{Setup, URI_OF_B, audience};

const INVALID_TOKEN: [(&str, &str); 1] = [("www-authenticate", "Bearer error=\"invalid_token\"")];

/// A caller, a call to ServiceB that is replayed, and a stand-in for ServiceB.
async fn replayed(setup: &Setup) -> (OnBehalfOf<Downstream, Replay<&'static str>>, Downstream) {
    let service_b = Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let downstream = Downstream::default();
    let layer = setup.exchange().to_destination(service_b).unwrap();
    let layer = layer.replay(Replay::copied(|body: &&'static str| Some(*body)));
    let to_b = layer.layer(downstream.clone());
    (to_b.on_behalf_of(&setup.caller("alice").await), downstream)
}

fn request() -> Request<&'static str> {
    Request::post(format!("{URI_OF_B}/stock"))
        .header("x-of-the-caller", "kept")
        .body("tea")
        .unwrap()
}

async fn call<S, B, R>(service: &mut S, request: Request<B>) -> Response<R>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: std::fmt::Debug,
{
    service.ready().await.unwrap().call(request).await.unwrap()
}

fn source<R>(response: &Response<R>) -> TokenSource {
    *response.extensions().get().unwrap()
}

/// GR-10
#[tokio::test]
async fn rejected_token_is_replaced() {
    let setup = Setup::start().await;
    let (mut to_b, downstream) = replayed(&setup).await;
    call(&mut to_b, request()).await;
    downstream.reply(401, &INVALID_TOKEN);
    let response = call(&mut to_b, request()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(source(&response), TokenSource::Exchange);

    let [first, rejected, second] = downstream.received().try_into().unwrap();
    assert_eq!(first["authorization"], rejected["authorization"]);
    assert_ne!(rejected["authorization"], second["authorization"]);
    assert_eq!(second["x-of-the-caller"], "kept");
    assert_eq!(setup.idp.token_requests(), 2);
    assert_eq!(
        source(&call(&mut to_b, request()).await),
        TokenSource::Cache
    );
}

/// GR-10
#[tokio::test]
async fn grpc_status_rejects_a_token_too() {
    let setup = Setup::start().await;
    let (mut to_b, downstream) = replayed(&setup).await;
    downstream.reply(200, &[("grpc-status", "16")]);
    let response = call(&mut to_b, request()).await;
    assert!(response.headers().is_empty());
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (2, 2)
    );
}

/// GR-10
#[tokio::test]
async fn second_rejection_reaches_the_caller() {
    let setup = Setup::start().await;
    let (mut to_b, downstream) = replayed(&setup).await;
    downstream.reply(401, &INVALID_TOKEN);
    downstream.reply(401, &INVALID_TOKEN);
    let response = call(&mut to_b, request()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], INVALID_TOKEN[0].1);
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (2, 2)
    );
}

/// GR-10
#[tokio::test]
async fn rejections_cause_no_storm() {
    let setup = Setup::start().await;
    let (mut to_b, downstream) = replayed(&setup).await;
    for _ in 0..100 {
        downstream.reply(401, &INVALID_TOKEN);
    }
    for _ in 0..50 {
        assert_eq!(call(&mut to_b, request()).await.status(), 401);
    }
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (51, 2)
    );
}

/// GR-10
#[tokio::test]
async fn next_call_has_a_new_token() {
    let setup = Setup::start().await;
    let (to_b, downstream) = setup.to_b();
    let mut to_b = to_b.on_behalf_of(&setup.caller("alice").await);
    downstream.reply(401, &INVALID_TOKEN);
    assert_eq!(call(&mut to_b, request()).await.status(), 401);
    assert_eq!(setup.idp.token_requests(), 1);
    let response = call(&mut to_b, request()).await;
    assert_eq!(source(&response), TokenSource::Exchange);
}

/// GR-10
#[tokio::test]
async fn uncopied_body_is_not_replayed() {
    let setup = Setup::start().await;
    let (to_b, downstream) = setup.to_b();
    let mut to_b = to_b
        .replay(Replay::copied(|_: &&'static str| None))
        .on_behalf_of(&setup.caller("alice").await);
    downstream.reply(401, &INVALID_TOKEN);
    assert_eq!(call(&mut to_b, request()).await.status(), 401);
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (1, 1)
    );
}

/// GR-10
#[tokio::test]
async fn insufficient_scope_evicts_nothing() {
    let setup = Setup::start().await;
    let (mut to_b, downstream) = replayed(&setup).await;
    downstream.reply(
        403,
        &[("www-authenticate", "Bearer error=\"insufficient_scope\"")],
    );
    downstream.reply(200, &[("grpc-status", "7")]);
    downstream.reply(503, &[]);
    for _ in 0..3 {
        call(&mut to_b, request()).await;
    }
    assert_eq!(
        source(&call(&mut to_b, request()).await),
        TokenSource::Cache
    );
    assert_eq!(
        (downstream.received().len(), setup.idp.token_requests()),
        (4, 1)
    );
}

/// GR-10
#[tokio::test]
async fn rejected_callers_share_new_token() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let exchange = setup.exchange();
    let first = exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    let first = first.token().authorization().clone();
    // No call gets its response before all have sent the token that is rejected.
    let together = Arc::new(Barrier::new(20));
    let service_b = service_fn(move |request: Request<&'static str>| {
        let (first, together) = (first.clone(), Arc::clone(&together));
        async move {
            let mut response = Response::new(());
            if request.headers()["authorization"] == first {
                together.wait().await;
                *response.status_mut() = StatusCode::UNAUTHORIZED;
            }
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let layer = exchange
        .to_destination(Destination::new(URI_OF_B, audience("service-b")).unwrap())
        .unwrap();
    let layer = layer.replay(Replay::copied(|body: &&'static str| Some(*body)));
    let to_b = layer.layer(service_b).on_behalf_of(&caller);
    let calls = (0..20).map(|_| {
        let mut to_b = to_b.clone();
        async move { call(&mut to_b, request()).await.status() }
    });
    let statuses = futures_util::future::join_all(calls).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(setup.idp.token_requests(), 2);
}

/// TX-39
#[tokio::test]
async fn failed_renewal_sends_nothing() {
    let setup = Setup::start().await;
    let (mut to_b, downstream) = replayed(&setup).await;
    call(&mut to_b, request()).await;
    downstream.reply(401, &INVALID_TOKEN);
    let refused = r#"{"error":"invalid_grant"}"#;
    setup.idp.fault(Endpoint::Token, Fault::Status(400));
    setup
        .idp
        .fault(Endpoint::Token, Fault::Body(refused.into()));
    let error = to_b
        .ready()
        .await
        .unwrap()
        .call(request())
        .await
        .unwrap_err();
    let obo::CallError::Exchange(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), ExchangeErrorKind::ResponseUnusable);
    assert_eq!(downstream.received().len(), 2);
}

/// A challenge of the called service, and the one that our own caller gets for it.
const STEP_UPS: [(&str, &str); 4] = [
    (
        r#"Bearer realm="b", error="insufficient_user_authentication", error_description="x", acr_values="gold silver", max_age="300""#,
        r#"Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="300""#,
    ),
    (
        r#"Basic realm="b", bearer ERROR=insufficient_user_authentication, resource_metadata="https://b.example/""#,
        r#"Bearer error="insufficient_user_authentication""#,
    ),
    (
        r#"Bearer error="insufficient_claims", claims="eyAiYSIgOiAxIH0=""#,
        r#"Bearer error="insufficient_claims", claims="eyJhIjoxfQ==""#,
    ),
    (
        r#"Bearer error="insufficient_user_authentication", acr_values="a\", evil=\"b""#,
        r#"Bearer error="insufficient_user_authentication""#,
    ),
];

/// SU-06, SU-07
#[tokio::test]
async fn step_up_becomes_our_challenge() {
    for (received, sent) in STEP_UPS {
        for headers in [vec![], vec![("grpc-status", "16")]] {
            let setup = Setup::start().await;
            let (mut to_b, downstream) = replayed(&setup).await;
            let status = if headers.is_empty() { 401 } else { 200 };
            let headers: Vec<_> = headers
                .into_iter()
                .chain([("www-authenticate", received)])
                .collect();
            downstream.reply(status, &headers);
            let called = to_b.ready().await.unwrap().call(request()).await;
            let Err(obo::CallError::Exchange(error)) = called else {
                panic!("{called:?}");
            };
            assert_eq!(error.kind(), ExchangeErrorKind::StepUp);
            let reply = error.response();
            assert_eq!((reply.status().as_u16(), reply.grpc_code()), (401, 16));
            assert_eq!(reply.challenge().unwrap(), sent);
            assert_eq!(
                (downstream.received().len(), setup.idp.token_requests()),
                (1, 1)
            );
        }
    }
}

/// SU-08
#[tokio::test]
async fn only_new_caller_token_is_exchanged() {
    let setup = Setup::start().await;
    let (to_b, downstream) = setup.to_b();
    let before = setup.caller("alice").await;
    downstream.reply(401, &[("www-authenticate", STEP_UPS[0].0)]);
    let called = to_b.on_behalf_of(&before).oneshot(request()).await;
    called.unwrap_err();
    // The token stays usable for calls that need no more of the user.
    let called = to_b.on_behalf_of(&before).oneshot(request()).await.unwrap();
    assert_eq!(source(&called), TokenSource::Cache);
    let after = setup.caller("alice").await;
    let called = to_b.on_behalf_of(&after).oneshot(request()).await.unwrap();
    assert_eq!(source(&called), TokenSource::Exchange);
}

/// PR-06
#[tokio::test]
async fn downstream_chooses_no_issuer() {
    let setup = Setup::start().await;
    let (mut to_b, downstream) = replayed(&setup).await;
    let hostile = RawServer::start(|_| async {}).await;
    let url = &hostile.url;
    let challenge = format!(
        r#"Bearer error="invalid_token", resource_metadata="{url}", authorization_uri="{url}""#
    );
    downstream.reply(401, &[("www-authenticate", challenge.leak())]);
    assert_eq!(call(&mut to_b, request()).await.status(), 200);
    assert_eq!((setup.idp.token_requests(), hostile.requests()), (2, 0));
}

#[tokio::test]
async fn response_frees_the_kept_request() {
    let setup = Setup::start().await;
    let alice = setup.caller("alice").await;
    let service_b = Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let layer = setup.exchange().to_destination(service_b).unwrap();
    let layer = layer.replay(Replay::copied(|body: &Arc<str>| Some(Arc::clone(body))));
    for inner in [Ok(200), Ok(500), Err("broken")] {
        let service = service_fn(move |_: Request<Arc<str>>| async move {
            inner.map(|status| Response::builder().status(status).body(()).unwrap())
        });
        let mut to_b = layer.layer(service).on_behalf_of(&alice);
        let body: Arc<str> = "tea".into();
        let request = Request::post(URI_OF_B).body(Arc::clone(&body)).unwrap();
        let mut calling = Box::pin(to_b.ready().await.unwrap().call(request));
        let called = (&mut calling).await;
        assert_eq!(called.is_ok(), inner.is_ok());
        assert_eq!(
            Arc::strong_count(&body),
            1,
            "while the future is still there"
        );
    }
}
