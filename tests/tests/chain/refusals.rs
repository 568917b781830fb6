//! What the services refuse, and what keeps working without the authorization server.

use obo::error::ExchangeErrorKind;
use obo_examples::chain::Chain;
use obo_testkit::TokenBuilder;
use tonic::Code;

use crate::setup::{alice_at_b, audience, caller, get};

/// BT-12, GR-02
#[tokio::test]
async fn b_rejects_token_for_a() {
    let chain = Chain::start().await.unwrap();
    let status = chain.level_from_b(&chain.token_of("alice")).await.unwrap();
    assert_eq!(status.code(), Code::Unauthenticated);
    let challenge = status.metadata().get("www-authenticate").unwrap();
    assert_eq!(challenge, r#"Bearer error="invalid_token""#);
    assert_eq!(chain.requests_to_c(), 0);
}

/// TX-38
#[tokio::test]
async fn b_cannot_exchange_token_for_a() {
    let chain = Chain::start().await.unwrap();
    let at_a = caller(&chain, "service-a", &chain.token_of("alice")).await;
    let to_c = audience("service-c");
    let error = chain.exchange_of_b.token(&at_a, to_c).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::SubjectInvalid);
    assert_eq!(error.oauth_code(), Some("invalid_request"));
}

/// Sends a token for B to B and one for C to C, both of alice, and both without the required actor.
async fn assert_denied(with: impl Fn(TokenBuilder) -> TokenBuilder) {
    let chain = Chain::start().await.unwrap();
    let token = |audience| with(chain.idp.user("alice").audience(audience)).mint();
    let status = chain.level_from_b(&token("service-b")).await.unwrap();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(chain.requests_to_c(), 0);
    let ledger = format!("http://{}/ledger", chain.c);
    let response = get(&ledger, &token("service-c")).await;
    assert_eq!(response.status(), 403);
    let challenge = &response.headers()["www-authenticate"];
    assert_eq!(challenge, r#"Bearer error="insufficient_scope""#);
}

/// TX-32, GR-03
#[tokio::test]
async fn user_alone_is_not_a_service() {
    assert_denied(|token| token).await;
}

/// TX-32, KC-07, GR-03
#[tokio::test]
async fn unlisted_service_is_denied() {
    assert_denied(|token| token.actor("service-x")).await;
}

/// TX-24
#[tokio::test]
async fn earlier_actor_permits_nothing() {
    assert_denied(|token| {
        let token = token.actor("service-a").actor("service-b");
        token.actor("service-x")
    })
    .await;
}

/// TX-39
#[tokio::test]
async fn denied_service_does_not_call_c() {
    let chain = Chain::start().await.unwrap();
    let ledger_of_a = format!("http://{}/ledger", chain.a);
    let response = get(&ledger_of_a, &chain.token_of("alice")).await;
    assert_eq!(response.status(), 403);
    let reason = response.headers()["x-reason"].to_str().unwrap();
    assert!(reason.contains("\"service-c\""), "{reason}");
    assert_eq!(chain.requests_to_c(), 0);

    let at_b = alice_at_b(&chain).await;
    let to_z = audience("service-z");
    let error = chain.exchange_of_b.token(&at_b, to_z).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::TargetDenied);
    assert!(error.to_string().contains("\"service-z\""), "{error}");
}

/// TX-39, BT-18
#[tokio::test]
async fn cached_tokens_outlast_the_server() {
    let chain = Chain::start().await.unwrap();
    let (alice, bob) = (chain.token_of("alice"), chain.token_of("bob"));
    assert_eq!(chain.orders(&alice).await.unwrap().0, 200);
    chain.idp.stop();
    assert_eq!(chain.orders(&alice).await.unwrap().0, 200);
    assert_eq!(chain.requests_to_c(), 2);

    let orders_of_a = format!("http://{}/orders", chain.a);
    let response = get(&orders_of_a, &bob).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(chain.requests_to_c(), 2);

    chain.idp.resume().await;
    assert_eq!(chain.orders(&bob).await.unwrap().0, 200);
}
