//! A method that authenticates by a header of its own.

use std::future::ready;

use obo::client::{Attempt, Authenticating, ClientAuth};
use obo::token_endpoint::TokenRequest;
use obo::{Client, Secret, TokenExchange};
use serde_json::json;

use super::exchanged;
use crate::setup::{SECRET, Setup, audience};
use crate::stub::{Stub, json as reply};

const BADGE: &str = "badge-of-service-a-0815";

/// Sends a badge in this header, in addition to the secret.
#[derive(Debug)]
struct Badge(&'static str);

impl ClientAuth for Badge {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        request.set_basic(attempt.client_id, &Secret::new(SECRET));
        let pushed = request.push_header(self.0, Secret::new(format!("Badge {BADGE}")));
        Box::pin(ready(pushed.map_err(Into::into)))
    }
}

#[tokio::test]
async fn method_may_add_a_header() {
    let setup = Setup::start().await;
    let asked = exchanged(&setup, "service-a", Badge("X-Badge")).await;
    assert_eq!(asked.headers["x-badge"], format!("Badge {BADGE}"));
    let content_type = &asked.headers["content-type"];
    assert_eq!(content_type, "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn client_header_is_not_replaced() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let asked = setup.idp.token_requests();
    for own in ["Content-Type", "host", "ACCEPT", "no header"] {
        let client = Client::new("service-a", Badge(own));
        let exchange = TokenExchange::builder(crate::setup::issuer(&setup.idp), client);
        let exchange = exchange.build().unwrap();
        let error = exchange.token(&caller, audience("service-b")).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), "client_misconfigured", "{own}");
        assert!(!format!("{error} {error:?}").contains(BADGE), "{error}");
    }
    assert_eq!(setup.idp.token_requests(), asked);
}

/// OB-01
#[tokio::test]
async fn echoed_header_is_redacted() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let stub = Stub::new(&setup, |_| {
        let refusal =
            json!({ "error": "invalid_client", "error_description": format!("got {BADGE}") });
        ready(reply(401, &refusal))
    });
    let client = Client::new("service-a", Badge("X-Badge"));
    let exchange = TokenExchange::builder(stub.server.clone(), client).build();
    let error = exchange
        .unwrap()
        .token(&caller, audience("service-b"))
        .await;
    let error = error.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("got") && !shown.contains(BADGE), "{shown}");
}
