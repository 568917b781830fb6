//! A user's token crosses the three services.

use obo_examples::chain::{Called, Chain};

use crate::setup::{alice_at_b, audience, claims};

fn seen(hop: &Called) -> (&str, &str, Vec<&str>) {
    let actors = hop.actors.iter().map(String::as_str).collect();
    (&hop.audience, &hop.subject, actors)
}

#[tokio::test]
async fn tx_30_every_service_knows_the_user_and_who_calls_for_her() {
    let chain = Chain::start().await.unwrap();
    let (status, orders) = chain.orders(&chain.token_of("alice")).await.unwrap();
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
}

#[tokio::test]
async fn tx_30_the_token_for_c_names_b_as_the_actor_and_a_as_the_one_before() {
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

#[tokio::test]
async fn tx_41_the_second_call_asks_for_no_token_and_another_user_gets_her_own() {
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
