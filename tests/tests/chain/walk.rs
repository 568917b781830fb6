//! A user's token crosses the three services.

use obo_examples::chain::{Chain, Tokens};
use obo_examples::stock::Hop;

use crate::setup::{alice_at_b, audience, claims};

fn seen(hop: &Hop) -> (&str, &str, Vec<&str>) {
    let actors = hop.actors.iter().map(String::as_str).collect();
    (&hop.audience, &hop.subject, actors)
}

/// TX-30
#[tokio::test]
async fn services_know_user_and_caller() {
    walks(&Chain::start().await.unwrap()).await;
}

/// TX-37
#[tokio::test]
async fn opaque_chain_introspects_once_each() {
    let chain = Chain::start_with(Tokens::Opaque).await.unwrap();
    let token = walks(&chain).await;
    assert_eq!(chain.idp.introspection_requests(), 3);
    let (status, _) = chain.orders(&token).await.unwrap();
    assert_eq!((status, chain.requests_to_c()), (200, 2));
    assert_eq!(chain.idp.introspection_requests(), 3);
    assert_eq!(chain.idp.jwks_requests(), 0);
}

async fn walks(chain: &Chain) -> String {
    let token = chain.token_of("alice");
    let (status, orders) = chain.orders(&token).await.unwrap();
    assert_eq!(status, 200);
    let orders = orders.unwrap();
    let hops: Vec<_> = orders.hops.iter().map(seen).collect();
    let expected = [
        ("service-a", "alice", vec![]),
        ("service-b", "alice", vec!["service-a"]),
        ("service-c", "alice", vec!["service-b", "service-a"]),
    ];
    assert_eq!(hops, expected);
    assert_eq!(chain.requests_to_c(), 1);
    token
}

/// TX-30
#[tokio::test]
async fn token_for_c_lists_both_actors() {
    let chain = Chain::start().await.unwrap();
    let caller = alice_at_b(&chain).await;
    let to_c = audience("service-c");
    let exchanged = chain.exchange_of_b.token(&caller, to_c).await.unwrap();
    let claims = claims(&exchanged);
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["aud"], "service-c");
    assert_eq!(claims["client_id"], "service-b");
    assert_eq!(claims["act"]["sub"], "service-b");
    assert_eq!(claims["act"]["act"]["sub"], "service-a");
}

/// TX-41
#[tokio::test]
async fn second_call_uses_cached_tokens() {
    let chain = Chain::start().await.unwrap();
    let alice = chain.token_of("alice");
    chain.orders(&alice).await.unwrap();
    assert_eq!(chain.idp.token_requests(), 2);
    chain.orders(&alice).await.unwrap();
    assert_eq!(chain.idp.token_requests(), 2);
    let (_, orders) = chain.orders(&chain.token_of("bob")).await.unwrap();
    let hops = orders.unwrap().hops;
    assert!(hops.iter().all(|hop| hop.subject == "bob"));
    assert_eq!(chain.idp.token_requests(), 4);
}
