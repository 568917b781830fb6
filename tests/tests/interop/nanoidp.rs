//! `nanoidp` from PyPI: long tokens full of lists, keys that rotate on request, no exchange.

mod introspection;

use obo::caller::PrincipalKind;
use obo::error::ExchangeErrorKind;
use obo::{Profile, ResourceServer};
use serde_json::Value;

use crate::peer::{Peer, audience, code};

fn peer() -> Peer {
    Peer::named("NANOIDP")
}

fn service(peer: &Peer) -> ResourceServer {
    peer.service_with("service-a", Profile::LENIENT)
}

async fn signed_in(peer: &Peer) -> Value {
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "alice"),
    ];
    peer.post("/token", Some("web-app"), &form).await
}

async fn access_token(peer: &Peer) -> String {
    signed_in(peer).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// AT-10
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn long_token_keeps_its_lists() {
    let peer = peer();
    let token = access_token(&peer).await;
    assert!(token.len() > 6000, "{}", token.len());
    let caller = service(&peer).validate(&token).await.unwrap();
    assert_eq!(caller.subject(), "alice");
    assert_eq!(caller.client_id(), Some("web-app"));
    assert_eq!(Vec::from_iter(caller.roles()), ["USER", "ADMIN"]);
    assert_eq!(Vec::from_iter(caller.groups()), ["ADMINISTRATORS"]);
    assert_eq!(caller.entitlements().count(), 100);
    assert_eq!(
        code(peer.service("service-a").validate(&token).await),
        "wrong_type"
    );
    assert_eq!(
        code(
            peer.service_with("service-b", Profile::LENIENT)
                .validate(&token)
                .await
        ),
        "wrong_audience"
    );
}

/// JW-33
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn refresh_token_is_rejected() {
    let peer = peer();
    let response = signed_in(&peer).await;
    let refresh = response["refresh_token"].as_str().unwrap();
    assert_eq!(
        code(service(&peer).validate(refresh).await),
        "not_an_access_token"
    );
}

/// AT-11
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn client_credentials_are_a_service() {
    let peer = peer();
    let form = [("grant_type", "client_credentials")];
    let response = peer.post("/token", Some("web-app"), &form).await;
    let token = response["access_token"].as_str().unwrap();
    let caller = service(&peer).validate(token).await.unwrap();
    assert_eq!(caller.kind(), PrincipalKind::Service);
}

/// JW-22
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn keys_rotate_while_running() {
    let peer = peer();
    let service = service(&peer);
    let before = access_token(&peer).await;
    service.validate(&before).await.unwrap();
    peer.post("/api/keys/rotate", None, &[]).await;
    let after = access_token(&peer).await;
    service.validate(&after).await.unwrap();
    service.validate(&before).await.unwrap();
}

/// TX-21
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn missing_exchange_is_our_fault() {
    let peer = peer();
    let token = access_token(&peer).await;
    let caller = service(&peer).validate(&token).await.unwrap();
    let exchange = peer.exchange(peer.basic("web-app"));
    let refused = exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ExchangeErrorKind::ClientMisconfigured);
    assert_eq!(refused.oauth_code(), Some("unsupported_grant_type"));
}
