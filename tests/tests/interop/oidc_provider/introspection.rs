//! Introspection of its opaque tokens (RFC 7662), with signed responses (RFC 9701).

use obo::caller::PrincipalKind;
use obo::{Client, ClientSecretBasic, Introspection, Profile, Scope};

use super::{A, OPAQUE, caller, peer, signed_in};
use crate::peer::{Peer, audience, code, each_time, unavailable};

/// An opaque access token of a user who signed in to the web application.
async fn opaque(peer: &Peer, user: &str) -> String {
    let grant = ("grant_type", "urn:obo:interop:sign-in");
    let form = [grant, ("sub", user), ("resource", OPAQUE)];
    let response = peer.post("/token", Some("web-app"), &form).await;
    response["access_token"].as_str().unwrap().to_owned()
}

async fn revoke(peer: &Peer, token: &str) {
    peer.revoke("/token/revocation", "web-app", token).await;
}

/// IN-01, IN-04
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn opaque_token_is_valid_until_revoked() {
    let peer = peer();
    let service = peer.introspecting(OPAQUE, each_time(peer.basic("service-a")));
    let token = opaque(&peer, "alice").await;
    assert!(!token.contains('.'));
    let caller = service.validate(&token).await.unwrap();
    assert_eq!(
        (caller.subject(), caller.kind(), caller.client_id()),
        ("alice", PrincipalKind::User, Some("web-app"))
    );
    assert_eq!(caller.audience().collect::<Vec<_>>(), [OPAQUE]);
    assert_eq!(caller.scope(), &Scope::new(["opaque:read"]).unwrap());
    assert!(caller.issued_at().is_some());
    revoke(&peer, &token).await;
    assert_eq!(code(service.validate(&token).await), "inactive");
    assert_eq!(code(service.validate("forged").await), "inactive");
}

/// IN-06
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn response_is_cached_until_forgotten() {
    let peer = peer();
    let service = peer.introspecting(OPAQUE, Introspection::new(peer.basic("service-a")));
    let token = opaque(&peer, "alice").await;
    service.validate(&token).await.unwrap();
    revoke(&peer, &token).await;
    service.validate(&token).await.unwrap();
    service.forget(peer.issuer(), "alice");
    assert_eq!(code(service.validate(&token).await), "inactive");
}

/// IN-09, IN-10
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn signed_responses_agree() {
    let peer = peer();
    let service = peer.introspecting(OPAQUE, each_time(peer.basic("service-a")).require_signed());
    let token = opaque(&peer, "alice").await;
    let caller = service.validate(&token).await.unwrap();
    assert_eq!(caller.subject(), "alice");
    assert_eq!(caller.scope(), &Scope::new(["opaque:read"]).unwrap());
    revoke(&peer, &token).await;
    assert_eq!(code(service.validate(&token).await), "inactive");

    // Responses are signed with the current key, which this service has not fetched yet.
    peer.post("/interop/rotate", None, &[]).await;
    assert_eq!(code(service.validate("forged").await), "inactive");
}

/// IN-11, JW-31
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn signed_response_is_no_access_token() {
    let peer = peer();
    let token = opaque(&peer, "alice").await;
    let signed = peer.signed_answer("/token/introspection", "service-a", &token);
    let signed = signed.await;
    // The audience of the response is the client that introspects.
    let service = peer.service_with("service-a", Profile::LENIENT);
    assert_eq!(code(service.validate(&signed).await), "wrong_type");
}

/// IN-05
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn token_for_other_service_is_rejected() {
    let peer = peer();
    let service = peer.introspecting(A, each_time(peer.basic("service-a")));
    let token = opaque(&peer, "alice").await;
    assert_eq!(code(service.validate(&token).await), "wrong_audience");
}

/// IN-05: the response has no `jti`: that of an opaque token is the token itself.
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn strict_profile_misses_the_jti() {
    let peer = peer();
    let introspection = each_time(peer.basic("service-a"));
    let trust = obo::Trust::new(peer.server.clone()).introspect(introspection);
    let service = obo::ResourceServer::builder(OPAQUE).trust(trust);
    let service = service.build().unwrap();
    let token = opaque(&peer, "alice").await;
    assert_eq!(code(service.validate(&token).await), "missing_claim");
}

/// IN-02
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn unauthorized_client_learns_nothing() {
    let peer = peer();
    let token = opaque(&peer, "alice").await;
    let wrong = Client::new("service-a", ClientSecretBasic::new("wrong"));
    let service = peer.introspecting(OPAQUE, each_time(wrong));
    let problem = unavailable(service.validate(&token).await);
    assert!(problem.contains("invalid_client"), "{problem}");
    // The response gives no reason: the token is inactive to that client.
    let service = peer.introspecting(OPAQUE, each_time(peer.basic("no-exchange")));
    assert_eq!(code(service.validate(&token).await), "inactive");
}

/// IN-08: it does not introspect its own JWTs, so its keys must validate them.
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn only_opaque_tokens_are_introspected() {
    let peer = peer();
    let (opaque, jwt) = (
        opaque(&peer, "alice").await,
        signed_in(&peer, "alice").await,
    );
    let client = || peer.basic("service-a");
    let about_all = peer.introspecting(A, Introspection::new(client()));
    let problem = unavailable(about_all.validate(&jwt).await);
    assert!(problem.contains("unsupported_token_type"), "{problem}");
    let both = peer.introspecting(A, Introspection::new(client()).for_opaque_tokens());
    assert_eq!(both.validate(&jwt).await.unwrap().subject(), "alice");
    assert_eq!(code(both.validate(&opaque).await), "wrong_audience");
}

/// AT-11: it omits `sub` where the token has no user.
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn own_token_has_no_subject() {
    let peer = peer();
    let form = [("grant_type", "client_credentials"), ("resource", OPAQUE)];
    let form = [&form[..], &[("scope", "opaque:read")]].concat();
    let response = peer.post("/token", Some("service-a"), &form).await;
    let token = response["access_token"].as_str().unwrap();
    let introspection = || each_time(peer.basic("service-a"));
    let service = peer.introspecting(OPAQUE, introspection());
    assert_eq!(code(service.validate(token).await), "missing_claim");
    let service = peer.introspecting(OPAQUE, introspection().allow_missing_subject());
    let caller = service.validate(token).await.unwrap();
    assert_eq!(
        (caller.subject(), caller.kind(), caller.client_id()),
        ("service-a", PrincipalKind::Service, Some("service-a"))
    );
}

/// TX-37, TX-38
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn opaque_token_names_its_actor() {
    let peer = peer();
    let exchange = peer.exchange(peer.basic("service-a"));
    let target = audience(OPAQUE);
    let exchanged = exchange.token(&caller(&peer).await, target).await.unwrap();
    let service = peer.introspecting(OPAQUE, each_time(peer.basic("service-a")));
    let caller = service.validate(exchanged.token().expose()).await.unwrap();
    assert_eq!(caller.subject(), "alice");
    assert_eq!(caller.current_actor().unwrap().subject(), "service-a");
}
