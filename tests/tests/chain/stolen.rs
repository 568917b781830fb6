//! A stolen token that is bound to a key is refused by each service, and for the right reason.

use obo_examples::chain::{Binding, Chain, Tokens, stolen};
use obo_test_support::Log;

/// What the thief sends, the error that the thief sees, and the code that is recorded.
const THEFTS: [(&str, &str, &str); 8] = [
    (
        "the token as a bearer token",
        "invalid_token",
        "proof_missing",
    ),
    (
        "the token without a proof",
        "invalid_dpop_proof",
        "proof_missing",
    ),
    (
        "a proof by the thief's own key",
        "invalid_token",
        "another_key",
    ),
    (
        "the owner's public key, another signature",
        "invalid_dpop_proof",
        "proof_bad_signature",
    ),
    (
        "the same proof again",
        "invalid_dpop_proof",
        "proof_replayed",
    ),
    (
        "a proof for another path",
        "invalid_dpop_proof",
        "proof_other_uri",
    ),
    (
        "a proof for another method",
        "invalid_dpop_proof",
        "proof_other_method",
    ),
    (
        "a proof of 61 seconds ago",
        "invalid_dpop_proof",
        "proof_expired",
    ),
];

const ALGS: &str = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA";

async fn assert_refused(tokens: Tokens) {
    let (log, _guard) = Log::capture();
    let chain = Chain::start_bound(tokens, Binding::Dpop).await.unwrap();
    let refused = THEFTS.map(|(sends, error, code)| Refused {
        sends,
        challenge: format!("DPoP error=\"{error}\", algs=\"{ALGS}\""),
        code,
    });
    assert_thefts(&chain, &log, &refused).await;
}

/// A theft, the challenge that the thief sees, and the code that is recorded.
pub(crate) struct Refused {
    pub(crate) sends: &'static str,
    pub(crate) challenge: String,
    pub(crate) code: &'static str,
}

/// Each hop refuses each theft in this way, and accepts its owner.
pub(crate) async fn assert_thefts(chain: &Chain, log: &Log, expected: &[Refused]) {
    let rows = stolen::try_all(chain, "alice").await.unwrap();
    let (owner, thefts) = rows.split_last().unwrap();
    assert_eq!(thefts.len(), expected.len());
    for (
        row,
        Refused {
            sends, challenge, ..
        },
    ) in thefts.iter().zip(expected)
    {
        assert_eq!(row.theft.unwrap().sends, *sends);
        let statuses = row.tried.each_ref().map(|it| &*it.seen.status);
        assert_eq!(statuses, ["401", "gRPC 16", "401"], "{sends}");
        for tried in &row.tried {
            assert_eq!(tried.seen.challenges, [challenge.as_str()], "{sends}");
            assert!(tried.is_met, "{tried:?}");
        }
        assert!(row.expectation().is_met);
    }
    let statuses = owner.tried.each_ref().map(|it| &*it.seen.status);
    assert_eq!(statuses, ["200", "gRPC 0", "200"]);
    assert!(owner.tried.iter().all(|tried| tried.is_met));
    // Alice's call, those of the owners, and what thieves sent to service-c itself.
    assert_eq!(chain.requests_to_c(), 4 + expected.len());

    let refusals = log.lines("request refused");
    assert_eq!(refusals.len(), 3 * expected.len());
    for (lines, Refused { code, .. }) in refusals.chunks(3).zip(expected) {
        let paths = ["/orders", "/stock.Stock/Level", "/ledger"];
        for (line, path) in lines.iter().zip(paths) {
            let fields = [format!("code=\"{code}\""), format!("path=\"{path}\"")];
            for field in fields {
                assert!(line.contains(&field), "{field} in {line}");
            }
        }
    }
}

/// The bearer token of a user is refused, and not exchanged.
pub(crate) async fn assert_plain_refused(chain: &Chain) {
    let plain = chain.idp.user("alice").audience("service-a");
    let plain = plain.scope("orders:read").mint();
    let (status, _) = chain.orders(&plain).await.unwrap();
    assert_eq!((status, chain.idp.token_requests()), (401, 0));
}

/// DP-02, DP-04, DP-05, DP-07, DP-09, DP-10, DP-11, DP-12, DP-14, GR-02
#[tokio::test]
async fn stolen_token_fails_at_each_hop() {
    assert_refused(Tokens::Jwts).await;
}

/// DP-25
#[tokio::test]
async fn stolen_opaque_token_is_refused_too() {
    assert_refused(Tokens::Opaque).await;
}

/// DP-11
#[tokio::test]
async fn bound_chain_refuses_plain_tokens() {
    let chain = Chain::start_bound(Tokens::Jwts, Binding::Dpop)
        .await
        .unwrap();
    assert_plain_refused(&chain).await;
}

/// DP-18, DP-24
#[tokio::test]
async fn each_hop_has_its_own_key() {
    let (log, _guard) = Log::capture();
    let chain = Chain::start_bound(Tokens::Jwts, Binding::Dpop)
        .await
        .unwrap();
    let token = chain.token_of("alice");
    for _ in 0..2 {
        let (status, orders) = chain.orders(&token).await.unwrap();
        let hops = orders.unwrap().hops;
        assert_eq!((status, hops.len()), (200, 3));
        assert!(stolen::bound(&chain, &hops).is_met);
        let [a, b, c] = [0, 1, 2].map(|at| &*hops[at].bound_to);
        assert!([a, b, c].iter().all(|key| key.len() == 8));
        assert!(a != b && b != c && a != c);
        // The service that receives a token records the binding that its caller has recorded.
        for (message, keys) in [
            ("request allowed", &[a, b, c][..]),
            ("token obtained", &[b, c]),
        ] {
            let lines = log.lines(message);
            let latest = &lines[lines.len() - keys.len()..];
            let is_bound = |key: &&str| {
                let binding = format!("binding=\"dpop:{key}\"");
                latest.iter().any(|line| line.contains(&binding))
            };
            assert!(keys.iter().all(is_bound), "{keys:?} in {latest:#?}");
        }
    }
    assert_eq!(chain.idp.token_requests(), 2);
}
