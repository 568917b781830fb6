//! An issued opaque token is introspected before it is used, if this is configured.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use obo::TokenExchange;
use obo::authorization_server::HttpService;
use obo::authorization_server::ServerMetadata;
use obo::dialect::Rfc8693;
use obo::error::ExchangeErrorKind as Kind;
use obo::exchange::{Exchanged, TokenExchangeBuilder, TokenSource};
use obo::{AuthorizationServer, ExchangeError};
use serde_json::{Value, json};
use tower::service_fn;

use crate::setup::{Setup, audience, client, issuer};
use crate::stub::{Reply, issued, json as reply};

struct Introspected {
    exchange: TokenExchange,
    server: AuthorizationServer,
    /// The requested paths, in order.
    asked: Arc<Mutex<Vec<String>>>,
}

/// An exchange at that server that introspects issued tokens.
fn introspecting(server: &AuthorizationServer) -> TokenExchangeBuilder {
    TokenExchange::builder(server.clone(), client()).introspect_issued()
}

impl Introspected {
    /// A server that issues this token and responds like this to its introspection.
    fn new(setup: &Setup, token: &str, introspection: Reply) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (noted, token) = (Arc::clone(&asked), token.to_owned());
        let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
            let path = request.uri().path().to_owned();
            let response = match &*path {
                "/token" => issued(&token, json!({})),
                _ => introspection.clone(),
            };
            noted.lock().unwrap().push(path);
            std::future::ready(Ok::<_, Infallible>(response))
        }));
        let metadata = ServerMetadata::new(None, Some("https://idp.example/token"))
            .and_then(|it| it.with_introspection_endpoint("https://idp.example/introspect"));
        let server = AuthorizationServer::builder(issuer(&setup.idp))
            .with_metadata(metadata.unwrap())
            .with_http(http)
            .build()
            .unwrap();
        Self {
            exchange: introspecting(&server).build().unwrap(),
            server,
            asked,
        }
    }

    async fn token(&self, setup: &Setup) -> Result<Exchanged, ExchangeError> {
        let caller = setup.caller("alice").await;
        self.exchange.token(&caller, audience("service-b")).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn inspected(members: Value) -> Reply {
    reply(200, &members)
}

#[tokio::test]
async fn opaque_token_for_target_is_used() {
    let setup = Setup::start().await;
    for aud in [json!("service-b"), json!(["x", "service-b"])] {
        let active = inspected(json!({ "active": true, "aud": aud }));
        let idp = Introspected::new(&setup, "opaque", active);
        let caller = setup.caller("alice").await;
        for source in [TokenSource::Exchange, TokenSource::Cache] {
            let exchanged = idp.exchange.token(&caller, audience("service-b")).await;
            assert_eq!(exchanged.unwrap().source(), source);
        }
        assert_eq!(idp.asked(), ["/token", "/introspect"]);
        idp.exchange
            .app_only_token(audience("service-b"))
            .await
            .unwrap();
        assert_eq!(idp.asked().len(), 4);
    }
}

#[tokio::test]
async fn opaque_token_for_other_is_rejected() {
    let setup = Setup::start().await;
    for members in [
        json!({ "active": true, "aud": "ServiceA" }),
        json!({ "active": true, "aud": ["ServiceA"] }),
        json!({ "active": true, "aud": null }),
        json!({ "active": true }),
        json!({ "active": true, "aud": 7 }),
        json!({ "active": false }),
        json!({ "aud": "service-b" }),
        json!({ "active": true, "aud": "service-b", "token_type": "refresh_token" }),
        json!({ "active": true, "aud": "service-b", "cnf": { "jkt": "x" } }),
        json!({ "active": true, "aud": "service-b", "exp": 1 }),
    ] {
        let idp = Introspected::new(&setup, "opaque", inspected(members.clone()));
        let error = idp.token(&setup).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{members}");
        let own = idp.exchange.app_only_token(audience("service-b")).await;
        own.unwrap_err();
    }
    let idp = Introspected::new(
        &setup,
        "opaque",
        inspected(json!({ "active": true, "aud": "c" })),
    );
    let error = idp.token(&setup).await.unwrap_err();
    assert!(error.to_string().contains(r#"`aud` is "c""#), "{error}");
}

#[tokio::test]
async fn failed_introspection_gives_no_token() {
    let setup = Setup::start().await;
    for (status, kind) in [
        (401, Kind::ClientMisconfigured),
        (403, Kind::ClientMisconfigured),
        (404, Kind::ResponseUnusable),
    ] {
        let idp = Introspected::new(&setup, "opaque", reply(status, &json!({})));
        assert_eq!(
            idp.token(&setup).await.unwrap_err().kind(),
            kind,
            "{status}"
        );
    }
}

#[tokio::test]
async fn issued_jwt_is_not_introspected() {
    let setup = Setup::start().await;
    let token = setup.idp.user("alice").audience("service-b").mint();
    let idp = Introspected::new(&setup, &token, inspected(json!({ "active": false })));
    idp.token(&setup).await.unwrap();
    assert_eq!(idp.asked(), ["/token"]);
}

#[tokio::test]
async fn introspected_sub_must_match_caller() {
    let setup = Setup::start().await;
    let iss = issuer(&setup.idp);
    let iss = iss.as_str();
    let active = |mut members: Value| {
        members["active"] = json!(true);
        members["aud"] = json!("service-b");
        members
    };
    for (members, is_used) in [
        (json!({}), true),
        (json!({ "sub": null }), true),
        (json!({ "sub": "alice" }), true),
        (json!({ "sub": "alice", "iss": iss }), true),
        (json!({ "sub": "mallory" }), false),
        (json!({ "sub": "Alice" }), false),
        (json!({ "sub": "mallory", "iss": null }), false),
        (json!({ "sub": "mallory", "iss": iss }), false),
        (json!({ "sub": ["alice"] }), false),
        // Another issuer names users differently.
        (
            json!({ "sub": "a-1", "iss": "https://other.example" }),
            true,
        ),
    ] {
        let members = active(members);
        let idp = Introspected::new(&setup, "opaque", inspected(members.clone()));
        let outcome = idp.token(&setup).await.map_err(|error| error.kind());
        assert_eq!(outcome.is_ok(), is_used, "{members}");
        if let Err(kind) = outcome {
            assert_eq!(kind, Kind::ResponseUnusable, "{members}");
        }
    }
    // A pairwise subject, and the service's own token, are not compared.
    let members = active(json!({ "sub": "pairwise" }));
    let idp = Introspected::new(&setup, "opaque", inspected(members));
    let own = idp.exchange.app_only_token(audience("service-b")).await;
    own.unwrap();
    let pairwise = Rfc8693::new().pairwise_subject();
    let idp = Introspected {
        exchange: introspecting(&idp.server)
            .dialect(pairwise)
            .build()
            .unwrap(),
        ..idp
    };
    idp.token(&setup).await.unwrap();
}

#[tokio::test]
async fn introspection_must_be_json() {
    let setup = Setup::start().await;
    for (content_type, is_used) in [
        (Some("application/json"), true),
        (Some("application/json; charset=utf-8"), true),
        (Some("application/x+json"), true),
        (Some("text/html"), false),
        (Some("text/plain"), false),
        (Some("application/token-introspection+jwt"), false),
        (None, false),
    ] {
        let mut response = inspected(json!({ "active": true, "aud": "service-b" }));
        response.headers_mut().remove(header::CONTENT_TYPE);
        if let Some(value) = content_type {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        let idp = Introspected::new(&setup, "opaque", response);
        let outcome = idp.token(&setup).await.map_err(|error| error.kind());
        match is_used {
            true => drop(outcome.unwrap()),
            false => assert_eq!(outcome.unwrap_err(), Kind::ResponseUnusable),
        }
    }
}
