//! `oidc-provider` from npm: close to the RFCs, with token exchange and a JWT bearer grant.

mod dpop;
mod introspection;
mod logout;
mod mutual_tls;

use obo::binding::BoundTokens;
use obo::caller::PrincipalKind;
use obo::client::ClientSecretPost;
use obo::destination::Target;
use obo::dialect::{Rfc8693, entra};
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::token_endpoint::ErrorClass;
use obo::{Caller, ClientSecretBasic, Profile, Resource, ResourceServer, Scope, Trust};

use crate::peer::{Peer, arrived, audience, code, each_time};

const A: &str = "https://service-a.example/";
const B: &str = "https://service-b.example/";
const C: &str = "https://service-c.example/";
const OPAQUE: &str = "https://opaque.example/";

fn peer() -> Peer {
    Peer::named("OIDC_PROVIDER")
}

/// An access token for ServiceA of a user who signed in to the web application.
async fn signed_in(peer: &Peer, user: &str) -> String {
    let grant = ("grant_type", "urn:obo:interop:sign-in");
    let form = [grant, ("sub", user), ("resource", A)];
    let response = peer.post("/token", Some("web-app"), &form).await;
    response["access_token"].as_str().unwrap().to_owned()
}

/// A service that accepts bound tokens alone, opaque ones too.
fn bound_only(peer: &Peer, audience: &str, tokens: BoundTokens) -> ResourceServer {
    let trust = Trust::new(peer.server.clone()).require_bound();
    let trust = match audience {
        OPAQUE => trust
            .profile(Profile::LENIENT)
            .introspect(each_time(peer.basic("service-a"))),
        _ => trust.profile(Profile::RFC9068),
    };
    let server = ResourceServer::builder(audience).trust(trust);
    server.bound_tokens(tokens).build().unwrap()
}

async fn caller(peer: &Peer) -> Caller {
    let token = signed_in(peer, "alice").await;
    peer.service(A).validate(&token).await.unwrap()
}

/// AT-01
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn tokens_pass_the_strict_profile() {
    let peer = peer();
    let caller = caller(&peer).await;
    assert_eq!(caller.subject(), "alice");
    assert_eq!(caller.kind(), PrincipalKind::User);
    assert_eq!(caller.client_id(), Some("web-app"));
    assert_eq!(caller.scope(), &Scope::new(["a:read", "a:write"]).unwrap());
    assert!(caller.current_actor().is_none());
    let token = signed_in(&peer, "alice").await;
    assert_eq!(
        code(peer.service(B).validate(&token).await),
        "wrong_audience"
    );
}

/// CA-01
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn encoded_secret_works_both_ways() {
    let peer = peer();
    let caller = caller(&peer).await;
    let client = "service:a+%";
    let secret = peer.secret(client);
    let basic = peer.exchange_as(client, ClientSecretBasic::new(secret));
    let post = peer.exchange_as(client, ClientSecretPost::new(secret));
    for exchange in [basic, post] {
        let exchanged = exchange.token(&caller, audience(B)).await.unwrap();
        let at_b = arrived(&peer.service(B), &exchanged).await;
        assert_eq!(at_b.current_actor().unwrap().subject(), client);
    }
}

/// TX-30
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn chain_to_c_names_each_service() {
    let peer = peer();
    let from_a = peer.exchange(peer.basic("service-a"));
    let to_b = Target::audience(audience(B)).with_scope(Scope::new(["b:read"]).unwrap());
    let caller = caller(&peer).await;
    let exchanged = from_a.token(&caller, to_b.clone()).await.unwrap();
    let again = from_a.token(&caller, to_b).await.unwrap();
    assert_eq!(exchanged.source(), TokenSource::Exchange);
    assert_eq!(again.source(), TokenSource::Cache);
    let at_b = arrived(&peer.service(B), &exchanged).await;
    assert_eq!(at_b.subject(), "alice");
    assert_eq!(at_b.scope(), &Scope::new(["b:read"]).unwrap());
    assert_eq!(at_b.current_actor().unwrap().subject(), "service-a");

    // With `resource`, and a key of ServiceB whose assertion is for the issuer (CA-05).
    let from_b = peer.exchange_as("service-b", peer.key());
    let to_c = Resource::new(C).unwrap();
    let exchanged = from_b.token(&at_b, to_c).await.unwrap();
    let at_c = arrived(&peer.service(C), &exchanged).await;
    assert_eq!(at_c.subject(), "alice");
    assert_eq!(at_c.current_actor().unwrap().subject(), "service-b");
    assert!(
        at_c.prior_actors()
            .audit()
            .any(|actor| actor.contains("service-a"))
    );
}

/// CA-06
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn endpoint_audience_is_accepted_too() {
    let peer = peer();
    let auth = peer.key().danger_audience_token_endpoint().plain_typ();
    let exchange = peer.exchange_as("service-b", auth);
    let own = exchange.app_only_token(Resource::new(C).unwrap()).await;
    assert_eq!(
        arrived(&peer.service(C), &own.unwrap()).await.subject(),
        "service-b"
    );
}

/// EN-01
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn jwt_bearer_grant_works() {
    let peer = peer();
    let caller = caller(&peer).await;
    let exchange = peer.builder(peer.basic("service-a"));
    let exchange = exchange.dialect(entra::on_behalf_of()).build().unwrap();
    let scope = Scope::new([format!("{B}.default")]).unwrap();
    let target = Target::audience(audience(B)).with_scope(scope);
    let exchanged = exchange.token(&caller, target).await.unwrap();
    let at_b = arrived(&peer.service(B), &exchanged).await;
    assert_eq!(at_b.subject(), "alice");
    assert_eq!(at_b.current_actor().unwrap().subject(), "service-a");
}

/// AT-11
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn client_credentials_are_a_service() {
    let peer = peer();
    let exchange = peer.exchange(peer.basic("service-a"));
    let target = Target::resource(Resource::new(B).unwrap());
    let target = target.with_scope(Scope::new(["b:write"]).unwrap());
    let own = exchange.app_only_token(target).await.unwrap();
    let at_b = arrived(&peer.service(B), &own).await;
    assert_eq!(at_b.kind(), PrincipalKind::Service);
    assert_eq!(at_b.subject(), "service-a");
    assert_eq!(at_b.scope(), &Scope::new(["b:write"]).unwrap());
}

/// AT-14
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn opaque_token_is_accepted() {
    let peer = peer();
    let exchange = peer.exchange(peer.basic("service-a"));
    let target = audience(OPAQUE);
    let exchanged = exchange.token(&caller(&peer).await, target).await.unwrap();
    assert!(!exchanged.token().expose().contains('.'));
    assert!(exchanged.token().scope().contains("opaque:read"));
}

/// TX-21
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn refusals_have_our_classes() {
    use ExchangeErrorKind as Kind;
    let peer = peer();
    let caller = caller(&peer).await;
    let wrong = ClientSecretBasic::new("wrong");
    let scoped = Target::audience(audience(B)).with_scope(Scope::new(["nope"]).unwrap());
    let unknown = || Target::audience(audience("https://nowhere.example/"));
    let to_b = || Target::audience(audience(B));
    let known = || peer.exchange(peer.basic("service-a"));
    for (exchange, target, kind, error) in [
        (known(), unknown(), Kind::TargetDenied, "invalid_target"),
        (known(), scoped, Kind::TargetDenied, "invalid_scope"),
        (
            peer.exchange_as("service-a", wrong),
            to_b(),
            Kind::ClientMisconfigured,
            "invalid_client",
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
/// It returns `invalid_request`, the error of RFC 8693 for a bad subject token, where RFC 6749 has
/// `unauthorized_client`.
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn dialect_detects_missing_grant() {
    let peer = peer();
    let caller = caller(&peer).await;
    let exchange = peer.exchange(peer.basic("no-exchange"));
    let refused = exchange.token(&caller, audience(B)).await.unwrap_err();
    assert_eq!(refused.kind(), ExchangeErrorKind::SubjectInvalid);
    let words = "requested grant type is not allowed for this client";
    assert!(refused.to_string().contains(words), "{refused}");

    let dialect = Rfc8693::new().classify(|refusal| {
        let ours = refusal
            .description()
            .contains("not allowed for this client");
        ours.then_some(ErrorClass::ClientMisconfigured)
    });
    let exchange = peer.builder(peer.basic("no-exchange")).dialect(dialect);
    let exchange = exchange.build().unwrap();
    let refused = exchange.token(&caller, audience(B)).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        ExchangeErrorKind::ClientMisconfigured
    );
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
    let refused = exchange.token(&caller, audience(B)).await.unwrap_err();
    assert_eq!(refused.kind(), ExchangeErrorKind::SubjectInvalid);
    assert_eq!(refused.oauth_code(), Some("invalid_grant"));
}

/// JW-22
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn keys_rotate_while_running() {
    let peer = peer();
    let service = peer.service(A);
    let before = signed_in(&peer, "alice").await;
    service.validate(&before).await.unwrap();
    peer.post("/interop/rotate", None, &[]).await;
    let after = signed_in(&peer, "bob").await;
    assert_eq!(service.validate(&after).await.unwrap().subject(), "bob");
    assert_eq!(service.validate(&before).await.unwrap().subject(), "alice");

    peer.post("/interop/rotate?withdraw", None, &[]).await;
    let fresh = Peer::named("OIDC_PROVIDER").service(A);
    let last = signed_in(&peer, "carol").await;
    assert_eq!(fresh.validate(&last).await.unwrap().subject(), "carol");
    assert_eq!(code(fresh.validate(&after).await), "unknown_key");
}
