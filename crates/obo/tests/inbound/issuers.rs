//! Several issuers in one resource server, and configurations that are rejected.

use obo::error::TokenError;
use obo::{Audience, BearerAuthLayer, Caller, Policy, Rejection, ResourceServer, Rule, Trust};
use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde::Deserialize;
use serde_json::json;

use crate::guarded::{Guarded, builder_a, service_a};
use crate::issuer::{FakeIssuer, JWKS};

async fn both() -> (FakeIssuer, FakeIssuer, ResourceServer) {
    let a = FakeIssuer::named("https://a.example").await;
    let b = FakeIssuer::named("https://b.example").await;
    let server = builder_a(a.server()).trust(b.server()).build().unwrap();
    (a, b, server)
}

/// JW-17, JW-38
#[tokio::test]
async fn key_of_other_issuer_never_verifies() {
    let (a, b, server) = both().await;
    let guarded = Guarded::new(BearerAuthLayer::new(server));
    for (own, other) in [(&a, &b), (&b, &a)] {
        let caller = guarded.caller(&own.token().mint()).await;
        assert_eq!((caller.issuer(), caller.subject()), (&own.id(), "alice"));
        let swapped = own.token().issuer(other.id().as_str()).mint();
        guarded
            .refuses(
                &swapped,
                "signed with the other issuer's key of the same name",
            )
            .await;
    }
}

/// JW-17
#[tokio::test]
async fn each_issuer_has_its_own_audience() {
    let (a, b, _) = both().await;
    let at_b = Trust::new(b.server()).audience("service-a-at-b");
    let server = builder_a(a.server()).trust(at_b).build().unwrap();
    let guarded = Guarded::new(BearerAuthLayer::new(server));
    guarded
        .refuses(&b.token().mint(), "addressed as the other issuer does")
        .await;
    let token = b.token().claim("aud", "service-a-at-b").mint();
    assert_eq!(guarded.status(&token).await, 200);
}

/// JW-18
#[tokio::test]
async fn unknown_issuer_causes_no_request() {
    let trusted = TestIdp::start().await;
    let unknown = TestIdp::start().await;
    let guarded = Guarded::over_socket(&trusted);
    let token = unknown.user("alice").audience("service-a").mint();
    guarded.refuses(&token, "an unknown issuer").await;
    assert!(unknown.requests().is_empty() && trusted.requests().is_empty());
}

/// JW-15
#[tokio::test]
async fn key_in_token_is_not_used() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
    let own = TestKey::generate(TestAlg::Es256);
    let url = "https://evil.example/keys";
    for (member, value) in [
        ("jwk", own.public_jwk("k1")),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!(["MIIB"])),
    ] {
        let forged = idp.token().sign_with(&own).header(member, value).mint();
        guarded.refuses(&forged, member).await;
    }
    // The second fetch gets the issuer's own keys, because `k1` may have been replaced.
    assert_eq!(idp.requests(), [JWKS, JWKS]);
}

/// JW-01
#[tokio::test]
async fn disallowed_algorithm_sends_nothing() {
    let idp = FakeIssuer::new().await;
    let rsa_alone = [obo::policy::Algorithm::Rs256];
    let server = service_a(Trust::new(idp.server()).algorithms(rsa_alone));
    let refused = server.validate(&idp.token().mint()).await.unwrap_err();
    assert_eq!(refused, Rejection::Token(TokenError::Algorithm));
    assert!(idp.requests().is_empty());
}

#[tokio::test]
async fn token_outside_header_is_validated() {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.server());
    let alice = server.validate(&idp.token().mint()).await.unwrap();
    assert_eq!(alice.subject(), "alice");
    let refused = |token: String| {
        let server = server.clone();
        async move { server.validate(&token).await.unwrap_err() }
    };
    assert!(matches!(
        refused(idp.token().expires_in(-61).mint()).await,
        Rejection::Token(TokenError::Expired { .. })
    ));
    assert_eq!(refused(String::new()).await.code(), "malformed_credentials");
    assert_eq!(
        refused("Bearer x".to_owned()).await.code(),
        "malformed_credentials"
    );
    assert_eq!(refused("x".to_owned()).await.code(), "malformed_token");
}

#[derive(Debug, Deserialize, PartialEq)]
struct Tenant {
    tenant: String,
}

#[tokio::test]
async fn typed_claims_are_read_once() {
    let idp = FakeIssuer::new().await;
    let server = service_a(Trust::new(idp.server()).claims::<Tenant>());
    let guarded = Guarded::new(BearerAuthLayer::new(server));
    let caller = guarded
        .caller(&idp.token().claim("tenant", "t1").mint())
        .await;
    let typed: Caller<Tenant> = caller.with_claims().unwrap();
    assert_eq!(typed.claims().tenant, "t1");
    assert_eq!(
        typed.untyped().with_claims::<Tenant>().unwrap().claims(),
        typed.claims()
    );
    assert!(caller.with_claims::<()>().is_some());
    assert!(caller.with_claims::<String>().is_none());
}

#[tokio::test]
async fn caller_has_no_unrequested_claims() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.server());
    let caller = guarded
        .caller(&idp.token().claim("tenant", "t1").mint())
        .await;
    assert!(caller.with_claims::<Tenant>().is_none());
    assert!(caller.with_claims::<()>().is_some());
}

#[tokio::test]
async fn duplicate_trust_is_rejected() {
    let (a, b, _) = both().await;
    let twice = builder_a(a.server()).trust(b.server()).trust(b.server());
    let twice = twice.build().unwrap_err();
    assert_eq!(twice.field(), "trust[2].issuer");
    assert!(twice.to_string().contains("https://b.example"), "{twice}");
    let of_a = Policy::new(Audience::new("service-a").unwrap(), a.id());
    let crossed = builder_a(Trust::new(b.server()).policy(of_a));
    let crossed = crossed.build().unwrap_err();
    assert_eq!(crossed.field(), "trust[0].issuer");
    assert!(
        crossed.to_string().contains("https://a.example"),
        "{crossed}"
    );
}

#[test]
fn empty_rule_is_rejected() {
    assert_eq!(Rule::scopes::<&str>([]).mistake().unwrap().field(), "scope");
    for bad in ["", "a b", "a\"b", "ä"] {
        assert_eq!(
            Rule::scopes([bad]).mistake().unwrap().field(),
            "scope",
            "{bad:?}"
        );
    }
    assert_eq!(
        Rule::actors::<&str>([]).mistake().unwrap().field(),
        "actors"
    );
    assert_eq!(
        Rule::actors(["service-b", ""]).mistake().unwrap().field(),
        "actors"
    );
}
