//! Records of calls that are not made: each once, in the span of the call.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Request, Response};
use obo::client::{DpopKey, SigningKey};
use obo::on_behalf_of::OnBehalfOfLayer;
use obo::policy::Algorithm;
use obo::time::{Clock, TestClock};
use obo::token_endpoint::{ErrorClass, TokenEndpointError};
use obo::{Destination, Destinations, Secret, TokenExchange};
use obo_testkit::{TestAlg, TestKey};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::Instrument as _;
use tracing::dispatcher::DefaultGuard;

use crate::outbound::{Metrics, counted};
use crate::stub::{Stub, audience};
use obo_test_support::listen;
use obo_test_support::{Log, has};

const NOT_MADE: &str = "call not made";
const DENIED: (u16, &str) = (400, r#"{"error":"invalid_target"}"#);

fn capture() -> (Log, DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    (log, listen(subscriber))
}

fn to_b(exchange: &TokenExchange) -> OnBehalfOfLayer {
    exchange
        .to_destination(Destination::new("https://b.example:8443/api", audience("b")).unwrap())
        .unwrap()
}

fn request(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// The only line of the log that reports it.
fn only_line(log: &Log) -> String {
    let lines = log.lines(NOT_MADE);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

fn code_total(metrics: &Metrics, code: &str, target: &str) -> i64 {
    let labels = format!("code={code} target={target}");
    metrics.total("obo_calls_not_made_total", &labels)
}

#[test]
fn unknown_destination_is_logged_once() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let caller = stub.caller("alice").await;
        let (log, _guard) = capture();
        let uri = "https://b.example:8443/other?q=s3cret".parse().unwrap();
        to_b(&stub.exchange).token(&caller, &uri).await.unwrap_err();
        let line = only_line(&log);
        let configured = "configured: https://b.example:8443/api";
        let requested = "https://b.example:8443 with path \"/other\"";
        has(
            &line,
            &[
                "WARN",
                "obo::audit",
                r#"record="call""#,
                "subject=",
                "caller_jti=",
                r#"code="unknown_destination""#,
                requested,
                configured,
            ],
        );
        assert!(!line.contains("s3cret"), "{line}");
        assert_eq!(code_total(&metrics, "unknown_destination", ""), 1);
    });
}

#[test]
fn unknown_app_target_is_logged_once() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let (log, _guard) = capture();
        let known = Destination::new("https://b.example", audience("b")).unwrap();
        let layer = stub
            .exchange
            .app_only_to_destinations(Destinations::new([known]).unwrap());
        let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let called = layer.layer(inner).oneshot(request("https://c.example/"));
        called.await.unwrap_err();
        has(
            &only_line(&log),
            &["WARN", "https://c.example", "nothing is configured"],
        );
        assert_eq!(code_total(&metrics, "unknown_destination", ""), 1);
    });
}

#[test]
fn missing_subject_is_a_warning() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let (log, _guard) = capture();
        let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let client = to_b(&stub.exchange).layer(inner);
        let called = client.oneshot(request("https://b.example:8443/api"));
        called.await.unwrap_err();
        let line = only_line(&log);
        has(
            &line,
            &[
                "WARN",
                r#"code="no_subject""#,
                "on_behalf_of",
                r#"target_audience="b""#,
            ],
        );
        assert_eq!(code_total(&metrics, "no_subject", "b"), 1);
    });
}

#[test]
fn rejected_callers_are_logged() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let caller = stub.caller("alice").await;
        let exchange = stub.exchange.clone();
        let (log, _guard) = capture();
        let clock = TestClock::new(Clock::system().now());
        clock.advance(Duration::from_secs(36_001));
        let late = stub.builder().clock(clock).build().unwrap();
        late.token(&caller, audience("b")).await.unwrap_err();
        has(
            &only_line(&log),
            &["INFO", r#"code="subject_invalid""#, "expired"],
        );
        // A token that was used in the second of the logout is revoked too.
        exchange.token(&caller, audience("a")).await.unwrap();
        exchange.revoke(&stub.issuer(), "alice", Clock::system().now());
        exchange.token(&caller, audience("b")).await.unwrap_err();
        has(
            &log.lines(NOT_MADE)[1],
            &["INFO", r#"code="subject_invalid""#, "revoked"],
        );
        assert_eq!(code_total(&metrics, "subject_invalid", "b"), 2);
    });
}

/// OB-04, DP-18
#[test]
fn unsigned_proof_is_recorded_once() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let caller = stub.caller("alice").await;
        stub.respond((
            200,
            r#"{"access_token":"t0ken","token_type":"DPoP","expires_in":300,
            "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#,
        ));
        let key = TestKey::generate(TestAlg::Es256);
        let pem = Secret::new(key.private_pem());
        let own = SigningKey::from_pem(Algorithm::Es256, &pem).unwrap();
        let is_first = AtomicBool::new(true);
        // It signs the request for the token only.
        let sign = move |input: Vec<u8>| {
            let signature = own.sign(&input).filter(|_| is_first.swap(false, Relaxed));
            let failed = || TokenEndpointError::new(ErrorClass::Transient, "the KMS is out");
            std::future::ready(signature.ok_or_else(failed))
        };
        let jwk = key.public_jwk("k").to_string();
        let key = DpopKey::with_signer(Algorithm::Es256, &jwk, sign).unwrap();
        let exchange = stub.builder().dpop(key).build().unwrap();
        let (log, _guard) = capture();
        let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let to_b = Destination::new("https://b.example:8443/api", audience("b")).unwrap();
        let client = exchange
            .to_destination(to_b.bind_dpop())
            .unwrap()
            .layer(inner);
        let called = client.on_behalf_of(&caller);
        let called = called.oneshot(request("https://b.example:8443/api"));
        called.await.unwrap_err();
        has(
            &only_line(&log),
            &[
                "WARN",
                "obo::audit",
                r#"record="call""#,
                "subject=",
                "caller_jti=",
                r#"code="transient""#,
                r#"target_audience="b""#,
                "the KMS is out",
            ],
        );
        assert_eq!(code_total(&metrics, "transient", "b"), 1);
    });
}

/// OB-04
#[test]
fn each_waiting_call_is_recorded() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let caller = stub.caller("alice").await;
        stub.respond(DENIED);
        let (log, _guard) = capture();
        let exchange_for = |name: &'static str| {
            let span = tracing::info_span!("call_of", name);
            let call = stub.exchange.token(&caller, audience("b"));
            call.instrument(span)
        };
        // Both calls wait for one exchange.
        let (one, other) = tokio::join!(exchange_for("one"), exchange_for("other"));
        one.unwrap_err();
        other.unwrap_err();
        assert_eq!(log.lines("token not exchanged").len(), 1);
        let records = log.lines(NOT_MADE);
        assert_eq!(records.len(), 2, "{records:#?}");
        for name in ["one", "other"] {
            let span = format!("call_of{{name=\"{name}\"}}");
            let mut own = records.iter().filter(|record| record.contains(&span));
            let (Some(record), None) = (own.next(), own.next()) else {
                panic!("{records:#?}");
            };
            has(record, &["INFO", "obo::audit", r#"code="target_denied""#]);
            has(
                record,
                &["cause=", "invalid_target", r#"target_audience="b""#],
            );
            assert!(!record.contains("alice"), "{record}");
        }
        // A cached refusal is not a cached token.
        exchange_for("three").await.unwrap_err();
        assert_eq!(log.lines("token not exchanged").len(), 1);
        has(
            &log.lines(NOT_MADE)[2],
            &["INFO", r#"code="target_denied""#],
        );
        assert_eq!(code_total(&metrics, "target_denied", "b"), 3);
        let lookups = |result: &str| {
            let labels = format!("result={result}");
            metrics.total("obo_exchange_cache_total", &labels)
        };
        assert_eq!(
            [lookups("hit"), lookups("miss"), lookups("refusal")],
            [0, 2, 1]
        );
    });
}

#[test]
fn dropped_call_is_not_recorded() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let caller = stub.caller("alice").await;
        stub.respond(DENIED);
        let (log, _guard) = capture();
        let mut call = Box::pin(stub.exchange.token(&caller, audience("b")));
        assert!((&mut call).now_or_never().is_none());
        drop(call);
        let other = stub.exchange.token(&caller, audience("b"));
        other.await.unwrap_err();
        only_line(&log);
        assert_eq!(code_total(&metrics, "target_denied", "b"), 1);
    });
}

#[test]
fn setup_fault_is_a_warning() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let caller = stub.caller("alice").await;
        stub.respond((401, r#"{"error":"invalid_client"}"#));
        let (log, _guard) = capture();
        let call = stub.exchange.token(&caller, audience("b"));
        call.await.unwrap_err();
        let code = r#"code="client_misconfigured""#;
        has(&only_line(&log), &["WARN", "obo::audit", code, "cause="]);
        assert_eq!(code_total(&metrics, "client_misconfigured", "b"), 1);
    });
}

#[test]
fn overload_is_logged_as_a_warning() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let caller = stub.caller("alice").await;
        let exchange = stub.builder().concurrency(1).build().unwrap();
        let (log, _guard) = capture();
        let exchange_for = |name: &str| exchange.token(&caller, audience(name));
        let (first, second) = tokio::join!(exchange_for("b"), exchange_for("c"));
        first.unwrap();
        second.unwrap_err();
        has(&only_line(&log), &["WARN", r#"code="overloaded""#]);
        assert_eq!(code_total(&metrics, "overloaded", "c"), 1);
    });
}

#[test]
fn failed_actor_is_recorded_per_call() {
    counted(async |metrics| {
        let stub = Stub::start().await;
        let caller = stub.caller("alice").await;
        let actor = obo::exchange::ActorSource::client_credentials();
        let exchange = stub.builder().actor(actor).build().unwrap();
        stub.respond(DENIED);
        let (log, _guard) = capture();
        for target in ["b", "c"] {
            exchange.token(&caller, audience(target)).await.unwrap_err();
        }
        // The own exchange of the actor's token is not a call.
        let records = log.lines(NOT_MADE);
        assert_eq!(records.len(), 2, "{records:#?}");
        for (record, target) in records.iter().zip(["b", "c"]) {
            has(record, &["for the actor", "WARN"]);
            has(record, &[&format!("target_audience=\"{target}\"")]);
            assert_eq!(code_total(&metrics, "client_misconfigured", target), 1);
        }
    });
}
