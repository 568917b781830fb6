//! `idpyoidc` from PyPI with the audience fixed: its exchange policy, and its other deviations.

mod introspection;

use std::time::Duration;

use obo::client::ClientSecretPost;
use obo::destination::Target;
use obo::error::ExchangeErrorKind;
use obo::exchange::{Exchanged, TokenSource};
use obo::{Caller, ClientSecretBasic, Profile, Resource, Scope, TokenExchange};

use crate::peer::{Peer, arrived, audience, http};

/// The audience of its tokens is the client that requested them, so ServiceA has that name.
pub(crate) const A: &str = "web-app";

fn peer() -> Peer {
    Peer::named("IDPYOIDC")
}

/// An access token and an ID token of diana, by the code flow, which signs in every visitor as her.
pub(crate) async fn signed_in(peer: &Peer) -> (String, String) {
    let callback = "http://127.0.0.1/callback";
    let query = [
        ("response_type", "code"),
        ("client_id", "web-app"),
        ("redirect_uri", callback),
        ("scope", "openid read write"),
        ("state", "state"),
        ("nonce", "nonce"),
    ];
    let url = format!("{}/authorization", peer.issuer());
    let url = url::Url::parse_with_params(&url, query).unwrap();
    let redirect = http().get(url).send().await.unwrap();
    let back = redirect.headers()["location"].to_str().unwrap();
    let back = url::Url::parse(back).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code");
    let code = code.unwrap().1.into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", callback),
        ("state", "state"),
    ];
    let response = peer.post("/token", Some("web-app"), &form).await;
    let token = |name: &str| response[name].as_str().unwrap().to_owned();
    (token("access_token"), token("id_token"))
}

async fn caller(peer: &Peer) -> Caller {
    let service = peer.service_with(A, Profile::LENIENT);
    service.validate(&signed_in(peer).await.0).await.unwrap()
}

async fn for_service_b(exchange: &TokenExchange, caller: &Caller) -> Exchanged {
    let target = Target::audience(audience("service-b"));
    let target = target.with_scope(Scope::new(["read"]).unwrap());
    exchange.token(caller, target).await.unwrap()
}

/// TX-01
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn exchanged_token_is_accepted_by_b() {
    let peer = peer();
    let caller = caller(&peer).await;
    let exchanged = for_service_b(&peer.exchange(peer.basic("service-a")), &caller).await;
    assert_eq!(exchanged.token().scope(), &Scope::new(["read"]).unwrap());
    let service_b = peer.service_with("service-b", Profile::LENIENT);
    let at_b = arrived(&service_b, &exchanged).await;
    assert_eq!(at_b.subject(), caller.subject());
}

/// AT-14
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn token_expiry_beats_expires_in() {
    let peer = peer();
    let caller = caller(&peer).await;
    let exchange = peer.exchange(peer.basic("service-a"));
    let exchanged = for_service_b(&exchange, &caller).await;
    let lifetime = exchanged.token().lifetime(obo::time::Clock::system().now());
    assert!(lifetime <= Duration::from_secs(61), "{lifetime:?}");

    // A paused clock runs ahead of the sockets, so it is paused only while no socket is in use.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(25)).await;
    assert_eq!(
        for_service_b(&exchange, &caller).await.source(),
        TokenSource::Cache
    );
    tokio::time::advance(Duration::from_secs(25)).await;
    tokio::time::resume();
    assert_eq!(
        for_service_b(&exchange, &caller).await.source(),
        TokenSource::Exchange
    );
}

/// CA-06
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn assertion_aud_is_token_endpoint() {
    let peer = peer();
    let caller = caller(&peer).await;
    let by_the_book = peer.exchange_as("service-k", peer.key());
    let refused = by_the_book.token(&caller, audience("service-b")).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ExchangeErrorKind::ClientMisconfigured);
    assert_eq!(refused.oauth_code(), Some("invalid_client"));

    let quirk = peer.key().danger_audience_token_endpoint();
    for_service_b(&peer.exchange_as("service-k", quirk), &caller).await;
}

/// CA-01
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn odd_secret_needs_post() {
    let peer = peer();
    let caller = caller(&peer).await;
    let secret = peer.secret("service-e");
    let basic = ClientSecretBasic::new(secret);
    let refused = peer.exchange_as("service-e", basic);
    let refused = refused.token(&caller, audience("service-b")).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        ExchangeErrorKind::ClientMisconfigured
    );
    let post = ClientSecretPost::new(secret);
    for_service_b(&peer.exchange_as("service-e", post), &caller).await;
}

/// TX-15
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn non_bearer_type_is_rejected() {
    let peer = peer();
    let exchange = peer.exchange(peer.basic("service-a"));
    let refused = exchange
        .app_only_token(audience("service-b"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ExchangeErrorKind::ResponseUnusable);
    assert!(refused.to_string().contains("`token_type`"), "{refused}");
}

/// TX-21
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn refusals_have_our_classes() {
    use ExchangeErrorKind as Kind;
    let peer = peer();
    let caller = caller(&peer).await;
    let wrong = ClientSecretBasic::new("wrong");
    let known = || peer.exchange(peer.basic("service-a"));
    let to_b = || Target::audience(audience("service-b"));
    let nowhere = || Target::audience(audience("https://nowhere.example/"));
    let no_resource = Target::resource(Resource::new("https://nowhere.example/").unwrap());
    let admin = to_b().with_scope(Scope::new(["admin"]).unwrap());
    for (exchange, target, kind, error) in [
        (known(), nowhere(), Kind::TargetDenied, "invalid_target"),
        (known(), no_resource, Kind::TargetDenied, "invalid_target"),
        (known(), admin, Kind::TargetDenied, "invalid_scope"),
        (
            peer.exchange_as("service-a", wrong),
            to_b(),
            Kind::ClientMisconfigured,
            "invalid_client",
        ),
        (
            peer.exchange(peer.basic("web-app")),
            to_b(),
            // RFC 8693 has this error for a bad subject token; here the client may not exchange.
            Kind::SubjectInvalid,
            "invalid_request",
        ),
    ] {
        let refused = exchange.token(&caller, target).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.oauth_code()),
            (kind, Some(error)),
            "{refused}"
        );
    }
}

/// TX-21
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn foreign_token_is_subjects_fault() {
    let peer = peer();
    let other = obo_testkit::TestIdp::start().await;
    let token = other.user("mallory").audience(A).mint();
    let issuer = obo::Issuer::new(other.issuer()).unwrap();
    let service = obo::ResourceServer::builder(audience(A))
        .trust(issuer)
        .build()
        .unwrap();
    let caller = service.validate(&token).await.unwrap();
    let exchange = peer.builder(peer.basic("service-a"));
    let exchange = exchange.allow_subjects_of(caller.issuer().clone());
    let exchange = exchange.build().unwrap();
    let refused = exchange.token(&caller, audience("service-b")).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        ExchangeErrorKind::SubjectInvalid
    );
}
