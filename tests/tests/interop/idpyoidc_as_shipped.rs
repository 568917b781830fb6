//! `idpyoidc` from PyPI as shipped: its exchanged tokens have no audience.

use obo::Profile;
use obo::error::ExchangeErrorKind;

use crate::idpyoidc::{A, signed_in};
use crate::peer::{Peer, audience, code};

fn peer() -> Peer {
    Peer::named("IDPYOIDC_AS_SHIPPED")
}

/// AT-01
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn untyped_tokens_need_lenient_profile() {
    let peer = peer();
    let (token, _) = signed_in(&peer).await;
    assert_eq!(code(peer.service(A).validate(&token).await), "wrong_type");
    let lenient = peer.service_with(A, Profile::LENIENT);
    assert!(!lenient.validate(&token).await.unwrap().subject().is_empty());
}

/// AT-14
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn token_without_audience_is_rejected() {
    let peer = peer();
    let service = peer.service_with(A, Profile::LENIENT);
    let caller = service.validate(&signed_in(&peer).await.0).await.unwrap();
    let exchange = peer.exchange(peer.basic("service-a"));
    let refused = exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ExchangeErrorKind::ResponseUnusable);
    let error = refused.to_string();
    assert!(
        error.contains("service-b") && error.contains("audience"),
        "{error}"
    );
}

/// AT-13
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn id_token_is_rejected() {
    let peer = peer();
    let (_, id_token) = signed_in(&peer).await;
    let lenient = peer.service_with(A, Profile::LENIENT);
    assert_eq!(
        code(lenient.validate(&id_token).await),
        "not_an_access_token"
    );
}
