//! Builders: what they accept, and which mistake `build` returns.

use std::time::Duration;

use obo::authorization_server::KeyRefresh;
use obo::policy::MAX_LEEWAY;
use obo::{Audience, AuthorizationServer, Issuer, Policy, ResourceServer, Trust};

use crate::guarded::builder_a;
use crate::introspecting::{OPAQUE, calls, code, service_a, trust_in_process};
use crate::issuer::FakeIssuer;

const IDP: &str = "https://idp.example";

fn idp() -> Trust {
    Trust::new(IDP)
}

fn late() -> Duration {
    MAX_LEEWAY + Duration::from_nanos(1)
}

#[test]
fn mistake_names_trust_entry_and_field() {
    for (trust, field) in [
        (Trust::new("idp"), "issuer"),
        (Trust::from("http://idp.example"), "issuer"),
        (idp().audience(""), "audience"),
        (idp().algorithms([]), "algorithms"),
        (idp().leeway(late()), "leeway"),
        (idp().max_token_age(Duration::ZERO), "max_token_age"),
        (
            idp().key_refresh(KeyRefresh::new().cooldown(Duration::ZERO)),
            "cooldown",
        ),
        (
            idp().introspect(service_a().concurrency(0)),
            "introspection.concurrency",
        ),
    ] {
        let second = builder_a("https://one.example").trust(trust);
        let error = second.build().unwrap_err();
        assert_eq!(error.field(), format!("trust[1].{field}"));
    }
}

#[test]
fn audience_and_issuer_are_required() {
    for (builder, field) in [
        (ResourceServer::builder("").trust(IDP), "audience"),
        (builder_a(IDP).audience(" a"), "audience"),
        (ResourceServer::builder("service-a"), "trust"),
    ] {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
}

#[test]
fn first_mistake_of_trust_is_kept() {
    let policy = Policy::new(Audience::new("a").unwrap(), Issuer::new(IDP).unwrap());
    let refresh = KeyRefresh::new().cooldown(Duration::ZERO);
    for (trust, field) in [
        (Trust::new("idp").leeway(late()), "issuer"),
        (idp().leeway(late()).algorithms([]), "leeway"),
        (idp().leeway(late()).leeway(Duration::ZERO), "leeway"),
        (idp().leeway(late()).policy(policy), "leeway"),
        (idp().key_refresh(refresh).leeway(late()), "cooldown"),
        (idp().leeway(late()).key_refresh(refresh), "leeway"),
    ] {
        let error = builder_a(trust).trust("idp").build().unwrap_err();
        assert_eq!(error.field(), format!("trust[0].{field}"));
    }
}

#[test]
fn authorization_server_needs_issuer() {
    let error = AuthorizationServer::builder("idp").build().unwrap_err();
    assert_eq!(error.field(), "issuer");
}

#[test]
fn issuer_is_literal_or_typed() {
    let issuer = Issuer::new(IDP).unwrap();
    let server = AuthorizationServer::builder(IDP).build().unwrap();
    for builder in [
        builder_a(IDP),
        builder_a(issuer.clone()),
        builder_a(server),
        builder_a(idp()),
        ResourceServer::builder(Audience::new("service-a").unwrap()).trust(IDP),
    ] {
        let server = builder.build().unwrap();
        assert_eq!(server.issuers().collect::<Vec<_>>(), [&issuer]);
    }
}

#[tokio::test(start_paused = true)]
async fn trust_has_its_own_audiences() {
    let idp = FakeIssuer::new().await;
    let own = Trust::new(idp.known()).audience("own").audience("alias");
    let policy = Policy::new(Audience::new("of-policy").unwrap(), idp.id());
    let given = Trust::new(idp.known()).policy(policy);
    for (trust, accepted) in [
        (Trust::new(idp.known()), &["service-a", "second"][..]),
        (own, &["own", "alias"]),
        (given, &["of-policy"]),
    ] {
        let server = builder_a(trust).audience("second").build().unwrap();
        for audience in ["service-a", "second", "own", "alias", "of-policy"] {
            let token = idp.token().claim("aud", audience).mint();
            let expected = match accepted.contains(&audience) {
                true => "ok",
                false => "wrong_audience",
            };
            assert_eq!(code(&server, &token).await, expected, "{audience}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn clones_share_caches_and_keys() {
    let (idp, trust) = trust_in_process(|settings| settings.for_opaque_tokens()).await;
    let server = builder_a(trust).build().unwrap();
    let clone = server.clone();
    assert_eq!(code(&server, &idp.token().mint()).await, "ok");
    assert_eq!(code(&clone, &idp.token().mint()).await, "ok");
    assert_eq!(idp.fetches(), 1);
    assert_eq!(code(&server, OPAQUE).await, "ok");
    assert_eq!(code(&clone, OPAQUE).await, "ok");
    assert_eq!(calls(&idp), 1);
    // Clones share the cache.
    clone.forget(&idp.id(), "alice");
    assert_eq!(code(&server, OPAQUE).await, "ok");
    assert_eq!(calls(&idp), 2);
}
