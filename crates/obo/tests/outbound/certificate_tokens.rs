//! Tokens that must be bound to the certificate of this service.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Request;
use obo::AuthorizationServer;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::error::ExchangeErrorKind as Kind;
use obo::exchange::{ActorSource, TokenSource};
use obo::{ExchangeError, TokenExchange};
use serde_json::{Value, json};
use tower::service_fn;

use crate::setup::{Setup, assert_answer, audience, client, issuer};
use crate::stub::{Stub, issued, json as reply};

const OWN: [u8; 32] = [1; 32];

fn x5t(thumbprint: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(thumbprint)
}

/// A JWT for ServiceB with this `cnf`.
fn token(setup: &Setup, cnf: &Value) -> String {
    let token = setup.idp.user("alice").audience("service-b");
    match cnf {
        Value::Null => token.mint(),
        cnf => token.claim("cnf", cnf.clone()).mint(),
    }
}

/// MT-08
#[tokio::test]
async fn token_must_be_bound_to_own_certificate() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let other = [2; 32];
    let hex: String = OWN.iter().map(|byte| format!("{byte:02x}")).collect();
    for (cnf, is_bound) in [
        (json!({ "x5t#S256": x5t(OWN) }), true),
        (json!({ "x5t#S256": x5t(OWN), "kid": "k" }), true),
        (Value::Null, false),
        (json!({}), false),
        (json!([x5t(OWN)]), false),
        (json!({ "x5t#S256": x5t(other) }), false),
        (json!({ "x5t#S256": hex }), false),
        (json!({ "x5t#S256": format!("{}=", x5t(OWN)) }), false),
        (json!({ "x5t#S256": STANDARD.encode(OWN) }), false),
        (json!({ "x5t#S256": OWN }), false),
        (json!({ "x5t": x5t(OWN) }), false),
        (json!({ "jkt": x5t(OWN) }), false),
    ] {
        let token = token(&setup, &cnf);
        let stub = Stub::new(&setup, move |_| ready(issued(&token, json!({}))));
        let exchange = stub.builder().bound_to_certificate(|| OWN).build().unwrap();
        let of_user = exchange.token(&caller, audience("service-b")).await;
        let own = exchange.app_only_token(audience("service-b")).await;
        for outcome in [of_user, own] {
            match outcome {
                Ok(_) => assert!(is_bound, "{cnf}"),
                Err(error) => {
                    assert!(!is_bound, "{cnf}");
                    assert_eq!(error.kind(), Kind::ResponseUnusable);
                    let text = error.to_string();
                    assert!(
                        text.contains("is missing or of another certificate"),
                        "{text}"
                    );
                    assert_answer(&error);
                }
            }
        }
    }
}

/// MT-08
#[tokio::test]
async fn renewal_under_way_is_no_error() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for bound_to in [0, 1, 2] {
        let certificate = Arc::new(AtomicU8::new(0));
        let (present, renewed) = (Arc::clone(&certificate), Arc::clone(&certificate));
        let token = token(&setup, &json!({ "x5t#S256": x5t([bound_to; 32]) }));
        let stub = Stub::new(&setup, move |_| {
            renewed.store(1, Ordering::SeqCst);
            ready(issued(&token, json!({})))
        });
        let exchange = stub.builder();
        let exchange = exchange.bound_to_certificate(move || [present.load(Ordering::SeqCst); 32]);
        let exchange = exchange.build().unwrap();
        let exchanged = exchange.token(&caller, audience("service-b")).await;
        assert_eq!(exchanged.is_ok(), bound_to < 2, "{bound_to}");
        assert_eq!(stub.requests(), 1);
        if bound_to == 1 {
            // It was not cached under the old certificate.
            for source in [TokenSource::Exchange, TokenSource::Cache] {
                let exchanged = exchange.token(&caller, audience("service-b")).await;
                assert_eq!(exchanged.unwrap().source(), source);
            }
        }
    }
}

/// MT-08
#[tokio::test]
async fn opaque_token_does_not_show_binding() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    // A JWE, and texts that only look like a JWT.
    // The payload of the last one is `[]`.
    for token in ["opaque", "a.b.c.d.e", "a.b.c", "a.W10.c"] {
        let stub = Stub::new(&setup, move |_| ready(issued(token, json!({}))));
        let builder = || stub.builder().bound_to_certificate(|| OWN);
        let exchange = builder().build().unwrap();
        let of_user = exchange.token(&caller, audience("service-b")).await;
        let own = exchange.app_only_token(audience("service-b")).await;
        for outcome in [of_user, own] {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), Kind::ResponseUnusable);
            let text = error.to_string();
            assert!(
                text.contains("is opaque") && text.contains("`introspect_issued`"),
                "{text}"
            );
            assert_answer(&error);
        }
        let danger = builder().danger_unchecked_binding().build().unwrap();
        danger.token(&caller, audience("service-b")).await.unwrap();
        let plain = stub.builder().build().unwrap();
        plain.token(&caller, audience("service-b")).await.unwrap();
    }
    // The door is for opaque tokens only.
    let token = token(&setup, &json!({ "x5t#S256": x5t([2; 32]) }));
    let stub = Stub::new(&setup, move |_| ready(issued(&token, json!({}))));
    let danger = stub.builder().bound_to_certificate(|| OWN);
    let danger = danger.danger_unchecked_binding().build().unwrap();
    let error = danger.token(&caller, audience("service-b")).await;
    assert_eq!(error.unwrap_err().kind(), Kind::ResponseUnusable);
}

/// An actor token goes back to the server that issued it.
#[tokio::test]
async fn opaque_actor_token_is_no_error() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let bound = token(&setup, &json!({ "x5t#S256": x5t(OWN) }));
    let stub = Stub::new(&setup, move |number| {
        ready(match number {
            0 => issued("opaque", json!({ "issued_token_type": null })),
            _ => issued(&bound, json!({})),
        })
    });
    let exchange = stub.builder().bound_to_certificate(|| OWN);
    let exchange = exchange.actor(ActorSource::client_credentials());
    let exchange = exchange.build().unwrap();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    assert_eq!(stub.requests(), 2);
}

/// Issues an opaque token, which introspection describes like this.
async fn introspected(setup: &Setup, cnf: &Value) -> Result<(), ExchangeError> {
    let mut active = json!({ "active": true, "aud": "service-b" });
    if !cnf.is_null() {
        active["cnf"] = cnf.clone();
    }
    let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
        let response = match request.uri().path() {
            "/token" => issued("opaque", json!({})),
            _ => reply(200, &active),
        };
        ready(Ok::<_, Infallible>(response))
    }));
    let metadata = ServerMetadata::new(None, Some("https://idp.example/token"))
        .and_then(|it| it.with_introspection_endpoint("https://idp.example/introspect"));
    let server = AuthorizationServer::builder(issuer(&setup.idp))
        .with_metadata(metadata.unwrap())
        .with_http(http);
    let exchange = TokenExchange::builder(server.build().unwrap(), client())
        .bound_to_certificate(|| OWN)
        .introspect_issued()
        .build()
        .unwrap();
    let caller = setup.caller("alice").await;
    let exchanged = exchange.token(&caller, audience("service-b")).await;
    exchanged.map(|_| ())
}

/// MT-08
#[tokio::test]
async fn introspection_shows_the_certificate() {
    let setup = Setup::start().await;
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for (cnf, is_bound) in [
        (json!({ "x5t#S256": x5t(OWN) }), true),
        (Value::Null, false),
        (json!({}), false),
        (json!({ "x5t#S256": x5t([2; 32]) }), false),
        // Nothing proves the key.
        (json!({ "x5t#S256": x5t(OWN), "jkt": jkt }), false),
        (json!({ "jkt": jkt }), false),
    ] {
        let outcome = introspected(&setup, &cnf).await;
        assert_eq!(outcome.is_ok(), is_bound, "{cnf}");
        if let Err(error) = outcome {
            assert_eq!(error.kind(), Kind::ResponseUnusable, "{cnf}");
        }
    }
}
