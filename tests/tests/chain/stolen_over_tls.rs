//! A stolen token that is bound to a certificate is refused by each service, over real handshakes.

use obo_examples::chain::{Binding, Chain, Tokens, stolen};
use obo_test_support::Log;

use crate::stolen::{Refused, assert_plain_refused, assert_thefts};

/// What the thief sends, and the code that is recorded.
const THEFTS: [(&str, &str); 5] = [
    ("the token without a certificate", "missing_certificate"),
    (
        "the token over the thief's certificate",
        "another_certificate",
    ),
    (
        "the token over that service's certificate",
        "another_certificate",
    ),
    ("the owner's certificate in a header", "missing_certificate"),
    (
        "the same, over the thief's certificate",
        "another_certificate",
    ),
];

async fn start(tokens: Tokens) -> Chain {
    let chain = Chain::start_bound(tokens, Binding::Certificate).await;
    chain.unwrap()
}

async fn assert_refused(tokens: Tokens) {
    let (log, _guard) = Log::capture();
    let chain = start(tokens).await;
    let refused = THEFTS.map(|(sends, code)| Refused {
        sends,
        challenge: r#"Bearer error="invalid_token""#.to_owned(),
        code,
    });
    assert_thefts(&chain, &log, &refused).await;
}

/// MT-01, MT-02, MT-04, GR-02
#[tokio::test]
async fn stolen_token_fails_at_each_hop() {
    assert_refused(Tokens::Jwts).await;
}

/// MT-01, MT-02
#[tokio::test]
async fn stolen_opaque_token_is_refused_too() {
    assert_refused(Tokens::Opaque).await;
}

#[tokio::test]
async fn bound_chain_refuses_plain_tokens() {
    let chain = start(Tokens::Jwts).await;
    assert_plain_refused(&chain).await;
}

/// MT-06, MT-08, MT-09
#[tokio::test]
async fn each_hop_has_its_own_certificate() {
    let (log, _guard) = Log::capture();
    let chain = start(Tokens::Jwts).await;
    let token = chain.token_of("alice");
    for _ in 0..2 {
        let (status, orders) = chain.orders(&token).await.unwrap();
        let hops = orders.unwrap().hops;
        assert_eq!((status, hops.len()), (200, 3));
        assert!(stolen::bound(&chain, &hops).is_met);
        let [a, b, c] = [0, 1, 2].map(|at| &*hops[at].bound_to);
        assert!([a, b, c].iter().all(|key| key.len() == 8));
        assert!(a != b && b != c && a != c);
    }
    assert_eq!(chain.idp.token_requests(), 2);
    // The service that receives a token records the binding that its caller has recorded.
    for (message, count) in [("request allowed", 6), ("token obtained", 4)] {
        let lines = log.lines(message);
        assert_eq!(lines.len(), count);
        let is_bound = |line: &String| line.contains("binding=\"certificate\"");
        assert!(lines.iter().all(is_bound), "{lines:#?}");
    }
}
