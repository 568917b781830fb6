//! The URL of the token endpoint: discovered, configured, or missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use obo::authorization_server::HttpService;
use obo::authorization_server::ServerMetadata;
use obo::error::ExchangeErrorKind as Kind;
use obo::{AuthorizationServer, TokenExchange};
use obo_testkit::{Endpoint, Fault};
use serde_json::json;
use tokio::time::{Instant, advance};
use tower::service_fn;

use crate::setup::{Setup, audience, client, issuer};
use crate::stub::{Reply, issued, json as reply};

fn discovering(setup: &Setup) -> TokenExchange {
    TokenExchange::builder(issuer(&setup.idp), client())
        .build()
        .unwrap()
}

/// MD-08
#[tokio::test]
async fn token_endpoint_is_discovered_once() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let before = setup.idp.discovery_requests();
    setup.idp.client("service-a").may_exchange_to("service-c");
    let exchange = discovering(&setup);
    for name in ["service-b", "service-c"] {
        exchange.token(&caller, audience(name)).await.unwrap();
    }
    assert_eq!(setup.idp.discovery_requests(), before + 1);
}

fn given(setup: &Setup, token_endpoint: Option<&str>) -> TokenExchange {
    let metadata = ServerMetadata::new(None, token_endpoint).unwrap();
    let http = HttpService::default_client();
    let server = AuthorizationServer::builder(issuer(&setup.idp))
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    TokenExchange::builder(server, client()).build().unwrap()
}

/// MD-09
#[tokio::test]
async fn given_metadata_needs_no_discovery() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let before = setup.idp.discovery_requests();
    let exchange = given(&setup, Some(&setup.idp.token_endpoint()));
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    assert_eq!(setup.idp.discovery_requests(), before);
}

#[tokio::test]
async fn missing_token_endpoint_is_our_fault() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let refused = given(&setup, None)
        .token(&caller, audience("service-b"))
        .await;
    assert_eq!(refused.unwrap_err().kind(), Kind::ClientMisconfigured);

    let none = Fault::Merge(json!({ "token_endpoint": null }));
    setup.idp.fault(Endpoint::Discovery, none);
    let refused = discovering(&setup)
        .token(&caller, audience("service-b"))
        .await;
    assert_eq!(refused.unwrap_err().kind(), Kind::ClientMisconfigured);
}

/// MD-01
#[tokio::test]
async fn failed_discovery_sends_nothing() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for fault in [
        Fault::Status(500),
        Fault::Status(404),
        Fault::WrongIssuer,
        Fault::Body("<html>".to_owned()),
        Fault::Merge(json!({ "token_endpoint": "http://idp.example/token\r\n" })),
    ] {
        setup.idp.fault(Endpoint::Discovery, fault.clone());
        let exchange = discovering(&setup);
        let refused = exchange.token(&caller, audience("service-b")).await;
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), Kind::Transient, "{fault:?}");
        assert!(!error.to_string().contains(['\r', '\n']), "{error}");
        setup.idp.heal();
    }
    assert_eq!(setup.idp.token_requests(), 0);
    discovering(&setup)
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
}

/// MD-01
#[tokio::test]
async fn exchange_uses_stale_document() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    tokio::time::pause();
    let id = issuer(&setup.idp);
    let document = json!({ "issuer": id.as_str(), "token_endpoint": "https://idp.example/token" });
    let discoveries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&discoveries);
    let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
        let (document, discoveries) = (document.clone(), Arc::clone(&counted));
        async move {
            if request.method() == http::Method::POST {
                return Ok(issued("a-token-for-b", json!({ "expires_in": 0 })));
            }
            // The first request gets a response, no other.
            if discoveries.fetch_add(1, Ordering::SeqCst) > 0 {
                std::future::pending::<()>().await;
            }
            Ok::<_, std::convert::Infallible>(reply(200, &document))
        }
    }));
    let exchange = TokenExchange::builder(
        AuthorizationServer::builder(id)
            .with_http(http)
            .build()
            .unwrap(),
        client(),
    )
    .build()
    .unwrap();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    advance(Duration::from_secs(3600)).await;
    let started = Instant::now();
    for _ in 0..10 {
        exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(discoveries.load(Ordering::SeqCst), 2);
}

/// TE-08
#[tokio::test]
async fn discovery_keeps_requested_pause() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let http = HttpService::new(service_fn(move |_: Request<Bytes>| {
        counted.fetch_add(1, Ordering::SeqCst);
        let reply = http::Response::builder()
            .status(429)
            .header("retry-after", "60");
        std::future::ready(reply.body(http_body_util::Full::<Bytes>::default()))
    }));
    let server = AuthorizationServer::builder(issuer(&setup.idp))
        .with_http(http)
        .build()
        .unwrap();
    let exchange = TokenExchange::builder(server, client()).build().unwrap();
    tokio::time::pause();
    for requests in [1, 1, 2] {
        let refused = exchange.token(&caller, audience("service-b")).await;
        let reply = refused.unwrap_err().response();
        assert_eq!((reply.status().as_u16(), reply.grpc_code()), (503, 14));
        assert_eq!(asked.load(Ordering::SeqCst), requests);
        advance(Duration::from_secs(30)).await;
    }
}

#[tokio::test]
async fn useless_document_is_renewed_early() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    tokio::time::pause();
    for nowhere in [json!(null), json!("https://idp.example/gone")] {
        let id = issuer(&setup.idp);
        let document = |endpoint| json!({ "issuer": id.as_str(), "token_endpoint": endpoint });
        let wrong = document(nowhere.clone());
        let right = document(json!("https://idp.example/token"));
        let discoveries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&discoveries);
        let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
            let reply = match (request.method(), request.uri().path()) {
                (&http::Method::POST, "/token") => issued("a-token-for-b", json!({})),
                (&http::Method::POST, _) => reply(404, &json!({})),
                // The first document is wrong, no other.
                _ => match counted.fetch_add(1, Ordering::SeqCst) {
                    0 => reply(200, &wrong),
                    _ => reply(200, &right),
                },
            };
            std::future::ready(Ok::<_, std::convert::Infallible>(reply))
        }));
        let server = AuthorizationServer::builder(issuer(&setup.idp))
            .with_http(http)
            .build()
            .unwrap();
        let exchange = TokenExchange::builder(server, client()).build().unwrap();
        let ask = || exchange.token(&caller, audience("service-b"));
        // There are not two documents in the same second.
        for _ in 0..5 {
            ask().await.unwrap_err();
        }
        assert_eq!(discoveries.load(Ordering::SeqCst), 1, "{nowhere}");
        // This call uses it for the last time, unless its failure is cached.
        advance(Duration::from_secs(90)).await;
        let _ = ask().await;
        advance(Duration::from_secs(90)).await;
        ask().await.unwrap();
        assert_eq!(discoveries.load(Ordering::SeqCst), 2, "{nowhere}");
    }
}

/// An exchange at a server that lists these grants, if any, and responds as `respond` says.
fn listing(
    setup: &Setup,
    grants: serde_json::Value,
    respond: impl Fn(&Request<Bytes>) -> Reply + Clone + Send + Sync + 'static,
) -> TokenExchange {
    let id = issuer(&setup.idp);
    let document = json!({
        "issuer": id.as_str(),
        "token_endpoint": "https://idp.example/token",
        "grant_types_supported": grants,
    });
    let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
        let reply = match *request.method() {
            http::Method::POST => respond(&request),
            _ => reply(200, &document),
        };
        std::future::ready(Ok::<_, std::convert::Infallible>(reply))
    }));
    TokenExchange::builder(
        AuthorizationServer::builder(id)
            .with_http(http)
            .build()
            .unwrap(),
        client(),
    )
    .build()
    .unwrap()
}

/// MD-08
#[tokio::test]
async fn unlisted_grant_is_named() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let refused = |grants: &serde_json::Value, status: u16, code: &'static str| {
        let refusal = move |_: &Request<Bytes>| reply(status, &json!({ "error": code }));
        let exchange = listing(&setup, grants.clone(), refusal);
        let caller = caller.clone();
        async move {
            let outcome = exchange.token(&caller, audience("service-b")).await;
            let error = outcome.unwrap_err();
            let is_named = error.to_string().contains("`grant_types_supported`");
            (
                error.kind(),
                error.oauth_code().unwrap().to_owned(),
                is_named,
            )
        }
    };
    let without = json!(["authorization_code"]);
    for code in [
        "unsupported_grant_type",
        "unauthorized_client",
        "invalid_request",
    ] {
        let outcome = refused(&without, 400, code).await;
        assert_eq!(outcome, (Kind::ClientMisconfigured, code.to_owned(), true));
    }
    let exchange = json!(["urn:ietf:params:oauth:grant-type:token-exchange"]);
    for (grants, status, code, kind) in [
        (&exchange, 400, "invalid_request", Kind::SubjectInvalid),
        (&json!(null), 400, "invalid_request", Kind::SubjectInvalid),
        (&without, 400, "invalid_grant", Kind::SubjectInvalid),
        (&without, 400, "invalid_target", Kind::TargetDenied),
        (&without, 401, "invalid_client", Kind::ClientMisconfigured),
    ] {
        let outcome = refused(grants, status, code).await;
        assert_eq!(outcome, (kind, code.to_owned(), false));
    }
}

/// MD-08
#[tokio::test]
async fn working_unlisted_grant_is_used() {
    let setup = Setup::start().await;
    let (alice, bob) = (setup.caller("alice").await, setup.caller("bob").await);
    let of_alice = alice.subject_token().expose().to_owned();
    let respond = move |request: &Request<Bytes>| {
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        match form.contains(&of_alice) {
            true => issued("opaque", json!({})),
            false => reply(400, &json!({ "error": "invalid_request" })),
        }
    };
    let exchange = listing(&setup, json!(["authorization_code"]), respond);
    for (caller, kind) in [(&bob, Err(Kind::ClientMisconfigured)), (&alice, Ok(()))] {
        let outcome = exchange.token(caller, audience("service-b")).await;
        assert_eq!(outcome.map(drop).map_err(|error| error.kind()), kind);
    }
    let outcome = exchange.token(&bob, audience("service-c")).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::SubjectInvalid);
}

#[tokio::test(start_paused = true)]
async fn probe_discovers_in_the_background() {
    let issuer = obo::Issuer::new("https://idp.example").unwrap();
    let document =
        json!({ "issuer": issuer.as_str(), "token_endpoint": "https://idp.example/token" });
    let requests = Arc::new(AtomicUsize::new(0));
    let is_up = Arc::new(AtomicBool::new(false));
    let (counted, up) = (Arc::clone(&requests), Arc::clone(&is_up));
    let http = HttpService::new(service_fn(move |_: Request<Bytes>| {
        counted.fetch_add(1, Ordering::SeqCst);
        let status = if up.load(Ordering::SeqCst) { 200 } else { 503 };
        let response = reply(status, &document);
        async move { Ok::<_, std::convert::Infallible>(response) }
    }));
    let server = AuthorizationServer::builder(issuer).with_http(http);
    let exchange = TokenExchange::builder(server.build().unwrap(), client());
    let exchange = exchange.build().unwrap();
    let settle = || async {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    };
    // A failure has a pause. Meanwhile the probe sends nothing.
    for _ in 0..3 {
        assert!(!exchange.is_ready());
        settle().await;
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }
    is_up.store(true, Ordering::SeqCst);
    advance(Duration::from_secs(1)).await;
    assert!(!exchange.is_ready());
    settle().await;
    assert!(exchange.is_ready());
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    // Once ready it stays ready.
    is_up.store(false, Ordering::SeqCst);
    advance(Duration::from_secs(24 * 3600)).await;
    assert!(exchange.is_ready());
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn given_metadata_is_ready_at_once() {
    let setup = Setup::start().await;
    let before = setup.idp.discovery_requests();
    assert!(given(&setup, Some(&setup.idp.token_endpoint())).is_ready());
    assert_eq!(setup.idp.discovery_requests(), before);
}
