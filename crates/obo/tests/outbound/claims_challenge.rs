//! Claims that a server requires in a token: passed up to our own caller, and down into the next
//! exchange.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use obo::authorization_server::HttpService;
use obo::destination::Target;
use obo::dialect::entra;
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::token::{ClaimsRequest, ExchangeRequest};
use obo::{AuthorizationServer, Scope, TokenExchange};
use serde_json::json;
use tower::{ServiceExt as _, service_fn};

use crate::setup::{Setup, assert_answer, audience, client, issuer};
use crate::stub::{Stub, issued, json};

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

fn target() -> Target {
    let scope = Scope::new(["api://service-b/.default"]).unwrap();
    Target::from(audience("service-b")).with_scope(scope)
}

fn more_needed(claims: &str) -> crate::stub::Reply {
    let body = json!({
        "error": "interaction_required",
        "error_description": "AADSTS50076: multi-factor authentication is needed.",
        "error_codes": [50076],
        "claims": claims,
    });
    json(400, &body)
}

/// EN-04, SU-06
#[tokio::test]
async fn claims_become_our_own_challenge() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let spaced = r#"{ "access_token": {"acrs": {"essential": true, "value": "c1"}} }"#;
    let stub = Stub::new(&setup, move |_| ready(more_needed(spaced)));
    let exchange = stub
        .builder()
        .dialect(entra::on_behalf_of())
        .build()
        .unwrap();
    let error = exchange.token(&caller, target()).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::StepUp);
    assert_answer(&error);
    let encoded = STANDARD.encode(CLAIMS);
    let challenge = format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#);
    assert_eq!(error.response().challenge().unwrap(), challenge.as_str());

    // Another request with the same token would change nothing.
    let again = exchange.token(&caller, target()).await.unwrap_err();
    assert_eq!(again.response(), error.response());
    assert_eq!(stub.requests(), 1);
}

/// EN-05, SU-08
#[tokio::test]
async fn downstream_claims_bypass_the_cache() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0 => issued("usual", json!({ "issued_token_type": null })),
            1 => more_needed(CLAIMS),
            _ => issued("with-claims", json!({ "issued_token_type": null })),
        })
    });
    let exchange = stub
        .builder()
        .dialect(entra::on_behalf_of())
        .build()
        .unwrap();
    let usual = exchange.token(&caller, target()).await.unwrap();
    assert_eq!(usual.token().authorization(), "Bearer usual");

    let asking = |claims: &str| {
        let claims = ClaimsRequest::parse(claims).unwrap();
        let request = ExchangeRequest::new(&caller, target()).with_claims(claims);
        exchange.clone().oneshot(request)
    };
    // The server repeats the claims, which is not an echo of a secret.
    let refused = asking(CLAIMS).await.unwrap_err();
    let encoded = STANDARD.encode(CLAIMS);
    let challenge = refused.response().challenge().unwrap();
    assert!(challenge.to_str().unwrap().contains(&encoded));
    assert_eq!(stub.requests(), 2);
    let pair = ("claims".to_owned(), CLAIMS.to_owned());
    assert_eq!(stub.asked().last(), Some(&pair));

    for source in [TokenSource::Exchange, TokenSource::Cache] {
        let other = asking(r#"{"access_token":{"nbf":null}}"#).await.unwrap();
        assert_eq!(other.token().authorization(), "Bearer with-claims");
        assert_eq!(other.source(), source);
    }
    let usual = exchange.token(&caller, target()).await.unwrap();
    assert_eq!(usual.source(), TokenSource::Cache);
    assert_eq!(usual.token().authorization(), "Bearer usual");
}

/// EN-02, RI-04
#[tokio::test]
async fn unsupported_request_is_not_sent() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let http = HttpService::new(service_fn(move |_: Request<Bytes>| {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    }));
    let server = AuthorizationServer::builder(issuer(&setup.idp))
        .with_http(http)
        .build()
        .unwrap();
    let exchange = TokenExchange::builder(server, client())
        .dialect(entra::on_behalf_of())
        .build()
        .unwrap();
    let error = exchange.token(&caller, audience("service-b")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
    assert!(error.to_string().contains("`scope`"), "{error}");

    let app = setup.idp.service("batch").audience("service-a").mint();
    let app = setup.validated(&app).await;
    let error = exchange.token(&app, target()).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::TargetDenied);
    assert_answer(&error);
    assert_eq!(requests.load(Ordering::Relaxed), 0);
}
