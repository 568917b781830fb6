//! Introspection of its JWTs (RFC 7662).

use obo::{Client, ClientSecretBasic};

use super::{access_token, peer, service, signed_in};
use crate::peer::{code, each_time, unavailable};

#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn in_01_in_04_a_token_is_good_until_it_is_revoked() {
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

#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn in_04_garbage_is_not_active_and_another_service_is_not_addressed() {
    let peer = peer();
    let introspecting = peer.introspecting("service-a", each_time(peer.basic("web-app")));
    assert_eq!(code(introspecting.validate("forged").await), "inactive");
    let other = peer.introspecting("service-b", each_time(peer.basic("web-app")));
    let token = access_token(&peer).await;
    assert_eq!(code(other.validate(&token).await), "wrong_audience");
}

#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn in_02_a_client_with_a_wrong_secret_is_our_misconfiguration() {
    let peer = peer();
    let wrong = Client::new("web-app", ClientSecretBasic::new("wrong"));
    let introspecting = peer.introspecting("service-a", each_time(wrong));
    let problem = unavailable(introspecting.validate(&access_token(&peer).await).await);
    assert!(problem.contains("invalid_client"), "{problem}");
}

/// It returns a refresh token as an active `Bearer` token for the audience of the access token. The
/// token's own claims show what it is.
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn in_05_jw_33_a_refresh_token_that_it_calls_a_bearer_token_is_refused() {
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
