//! Introspection of its JWTs (RFC 7662).

use obo::{Client, ClientSecretBasic};

use super::{access_token, peer, service, signed_in};
use crate::peer::{code, each_time, unavailable};

/// IN-01, IN-04
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn token_is_valid_until_revoked() {
    let peer = peer();
    for introspection in [
        each_time(peer.basic("web-app")),
        each_time(peer.basic("web-app")).for_revocation(),
    ] {
        let introspecting = peer.introspecting("service-a", introspection);
        let token = access_token(&peer).await;
        let caller = introspecting.validate(&token).await.unwrap();
        assert_eq!(
            (caller.subject(), caller.client_id()),
            ("alice", Some("web-app"))
        );
        peer.revoke("/revoke", "web-app", &token).await;
        assert_eq!(code(introspecting.validate(&token).await), "inactive");
        // The keys do not show the revocation.
        service(&peer).validate(&token).await.unwrap();
    }
}

/// IN-04
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn garbage_and_foreign_are_rejected() {
    let peer = peer();
    let introspecting = peer.introspecting("service-a", each_time(peer.basic("web-app")));
    assert_eq!(code(introspecting.validate("forged").await), "inactive");
    let other = peer.introspecting("service-b", each_time(peer.basic("web-app")));
    let token = access_token(&peer).await;
    assert_eq!(code(other.validate(&token).await), "wrong_audience");
}

/// IN-02
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn wrong_secret_is_our_fault() {
    let peer = peer();
    let wrong = Client::new("web-app", ClientSecretBasic::new("wrong"));
    let introspecting = peer.introspecting("service-a", each_time(wrong));
    let problem = unavailable(introspecting.validate(&access_token(&peer).await).await);
    assert!(problem.contains("invalid_client"), "{problem}");
}

/// IN-05, JW-33
/// It returns a refresh token as an active `Bearer` token for the audience of the access token. The
/// token's own claims show what it is.
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn disguised_refresh_token_is_rejected() {
    let peer = peer();
    let response = signed_in(&peer).await;
    let refresh = response["refresh_token"].as_str().unwrap();
    let form = [("token", refresh)];
    let introspected = peer.post("/introspect", Some("web-app"), &form).await;
    assert_eq!(
        (
            &introspected["active"],
            &introspected["token_type"],
            &introspected["aud"]
        ),
        (&true.into(), &"Bearer".into(), &"service-a".into())
    );
    for introspection in [
        each_time(peer.basic("web-app")),
        each_time(peer.basic("web-app")).for_revocation(),
    ] {
        let introspecting = peer.introspecting("service-a", introspection);
        assert_eq!(
            code(introspecting.validate(refresh).await),
            "not_an_access_token"
        );
    }
}
