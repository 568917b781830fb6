//! `idpyoidc` from PyPI as shipped: its exchanged tokens have no audience.

use obo::Profile;
use obo::error::ExchangeErrorKind;

use crate::idpyoidc::{A, signed_in};
use crate::peer::{Peer, audience, code};

fn peer() -> Peer {
    Peer::named("IDPYOIDC_AS_SHIPPED")
}

#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn at_01_its_tokens_have_no_type_and_pass_the_lenient_profile_alone() {
    let peer = peer();
    let (token, _) = signed_in(&peer).await;
    assert_eq!(code(peer.service(A).validate(&token).await), "wrong_type");
    let lenient = peer.service_with(A, Profile::LENIENT);
    assert!(!lenient.validate(&token).await.unwrap().subject().is_empty());
}

#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn at_14_an_exchanged_token_for_nobody_is_refused_and_the_audience_named() {
    let peer = peer();
    let service = peer.service_with(A, Profile::LENIENT);
    let caller = service.validate(&signed_in(&peer).await.0).await.unwrap();
    let exchange = peer.exchange(peer.basic("service-a"));
    let refused = exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ExchangeErrorKind::AnswerUnusable);
    let error = refused.to_string();
    assert!(
        error.contains("service-b") && error.contains("audience"),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn at_13_its_id_token_names_the_same_audience_and_is_refused() {
    let peer = peer();
    let (_, id_token) = signed_in(&peer).await;
    let lenient = peer.service_with(A, Profile::LENIENT);
    assert_eq!(
        code(lenient.validate(&id_token).await),
        "not_an_access_token"
    );
}
