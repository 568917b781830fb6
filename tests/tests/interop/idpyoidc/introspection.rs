//! Introspection of its JWTs (RFC 7662).

use obo::{Client, ClientSecretBasic, Introspection};

use super::{A, peer, signed_in};
use crate::peer::{code, each_time, unavailable};

/// IN-01, IN-04
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn token_is_valid_until_revoked() {
    let peer = peer();
    for introspection in [
        each_time(peer.basic(A)),
        each_time(peer.basic(A)).for_revocation(),
    ] {
        let service = peer.introspecting(A, introspection);
        let (token, _) = signed_in(&peer).await;
        let caller = service.validate(&token).await.unwrap();
        assert_eq!(caller.client_id(), Some(A));
        assert_eq!(caller.audience().collect::<Vec<_>>(), [A]);
        assert!(caller.scope().contains("read"));
        peer.revoke("/interop/revoke", A, &token).await;
        assert_eq!(code(service.validate(&token).await), "inactive");
    }
    let by_keys = peer.service_with(A, obo::Profile::LENIENT);
    let (token, _) = signed_in(&peer).await;
    peer.revoke("/interop/revoke", A, &token).await;
    by_keys.validate(&token).await.unwrap();
}

/// IN-05
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn both_ways_give_same_user() {
    let peer = peer();
    let service = peer.introspecting(A, Introspection::new(peer.basic(A)));
    let by_keys = peer.service_with(A, obo::Profile::LENIENT);
    // The server reads its clock once for the JWT and once for its record, so that a second may
    // begin in between. It does not for each of three tokens.
    let mut expiries = Vec::new();
    for _ in 0..3 {
        let (token, _) = signed_in(&peer).await;
        let caller = service.validate(&token).await.unwrap();
        let read = by_keys.validate(&token).await.unwrap();
        assert_eq!(
            (caller.subject(), caller.kind()),
            (read.subject(), read.kind())
        );
        expiries.push((caller.expires_at(), read.expires_at()));
    }
    assert!(
        expiries.iter().any(|(one, other)| one == other),
        "{expiries:?}"
    );
}

/// IN-02
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn unauthorized_client_learns_nothing() {
    let peer = peer();
    let (token, _) = signed_in(&peer).await;
    let wrong = Client::new(A, ClientSecretBasic::new("wrong"));
    let service = peer.introspecting(A, each_time(wrong));
    let problem = unavailable(service.validate(&token).await);
    assert!(problem.contains("invalid_client"), "{problem}");
    let service = peer.introspecting(A, each_time(peer.basic("service-a")));
    assert_eq!(code(service.validate(&token).await), "inactive");
}

/// IN-04, AT-13
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn garbage_and_id_token_are_inactive() {
    let peer = peer();
    let (_, id_token) = signed_in(&peer).await;
    let service = peer.introspecting(A, each_time(peer.basic(A)));
    assert_eq!(code(service.validate("forged").await), "inactive");
    assert_eq!(code(service.validate(&id_token).await), "inactive");
}
