//! Access tokens (RFC 9068) and actors (RFC 8693 section 4) end to end: issued by a server on a
//! socket, whose keys the layer fetches.

use std::time::Duration;

use obo::caller::PrincipalKind;
use obo::time::{Clock, TestClock, UnixTime};
use obo::{BearerAuthLayer, Profile, ResourceServer, Rule, Trust};
use obo_testkit::{TestAlg, TestIdp, TokenBuilder};
use serde_json::{Value, json};

use crate::guarded::{Guarded, INSUFFICIENT, builder_a, service_a};

async fn start() -> (TestIdp, Guarded) {
    let idp = TestIdp::start().await;
    let guarded = Guarded::over_socket(&idp);
    (idp, guarded)
}

fn alice(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-a")
}

fn lenient(idp: &TestIdp) -> ResourceServer {
    service_a(Trust::new(idp.issuer()).profile(Profile::LENIENT))
}

/// AT-01
#[tokio::test]
async fn only_access_token_typ_is_accepted() {
    let (idp, guarded) = start().await;
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/At+Jwt",
    ] {
        assert_eq!(
            guarded.status(&alice(&idp).typ(Some(typ)).mint()).await,
            200,
            "{typ}"
        );
    }
    for typ in [
        None,
        Some("JWT"),
        Some("id_token+jwt"),
        Some("at"),
        Some("text/at+jwt"),
    ] {
        guarded
            .refuses(&alice(&idp).typ(typ).mint(), &format!("{typ:?}"))
            .await;
    }
}

/// AT-02
#[tokio::test]
async fn every_profile_claim_is_required() {
    let (idp, strict) = start().await;
    let lenient = lenient(&idp);
    let lenient = Guarded::new(BearerAuthLayer::new(lenient));
    for (claim, is_optional) in [
        ("iss", false),
        ("exp", false),
        ("aud", false),
        ("sub", false),
        ("client_id", true),
        ("iat", true),
        ("jti", true),
    ] {
        let token = alice(&idp).without(claim).mint();
        strict.refuses(&token, claim).await;
        let expected = if is_optional { 200 } else { 401 };
        assert_eq!(lenient.status(&token).await, expected, "{claim}");
        lenient
            .refuses(&alice(&idp).claim(claim, Value::Null).mint(), claim)
            .await;
    }
}

/// AT-03
#[tokio::test]
async fn issuer_compares_by_code_point() {
    let idp = TestIdp::builder().issuer_path("/realms/corp").start().await;
    let guarded = Guarded::over_socket(&idp);
    let own = idp.issuer();
    for other in [
        format!("{own}/"),
        own.replace("/corp", "/Corp"),
        own.replace("http:", "HTTP:"),
        own.replace("/corp", "/%63orp"),
        own.replace("127.0.0.1", "localhost"),
        format!(" {own}"),
    ] {
        guarded
            .refuses(&alice(&idp).issuer(&other).mint(), &other)
            .await;
    }
    guarded
        .refuses(&alice(&idp).claim("iss", json!([own])).mint(), "a list")
        .await;
    assert!(idp.requests().is_empty());
    assert_eq!(guarded.status(&alice(&idp).mint()).await, 200);
}

/// AT-04
#[tokio::test]
async fn aud_must_name_this_service() {
    let (idp, guarded) = start().await;
    for good in [
        json!("service-a"),
        json!(["service-b", "service-a", "service-c"]),
    ] {
        assert_eq!(
            guarded.status(&alice(&idp).claim("aud", good).mint()).await,
            200
        );
    }
    for bad in [
        json!("service-b"),
        json!("SERVICE-A"),
        json!("service-a/"),
        json!("service-a service-b"),
        json!(""),
        json!([]),
        json!(["service-b"]),
        json!(["service-a", 1]),
        json!([["service-a"]]),
        json!({ "service-a": true }),
        json!(1),
        json!(null),
    ] {
        let token = alice(&idp).claim("aud", bad.clone()).mint();
        guarded.refuses(&token, &bad.to_string()).await;
    }
}

/// AT-05
#[tokio::test]
async fn every_algorithm_is_verified() {
    let (idp, guarded) = start().await;
    let tokens: Vec<_> = TestAlg::ALL.map(|alg| alice(&idp).alg(alg).mint()).into();
    for token in &tokens {
        assert_eq!(guarded.caller(token).await.subject(), "alice");
    }
    let (first, second) = (&tokens[0], &tokens[1]);
    let (unsigned, _) = first.rsplit_once('.').unwrap();
    let (_, foreign) = second.rsplit_once('.').unwrap();
    guarded
        .refuses(&format!("{unsigned}.{foreign}"), "of another token")
        .await;
    let none = alice(&idp).header("alg", "none").mint();
    guarded.refuses(&none, "alg none").await;
    let (unsigned, _) = none.rsplit_once('.').unwrap();
    guarded
        .refuses(&format!("{unsigned}."), "alg none without signature")
        .await;
}

/// AT-06
#[tokio::test]
async fn token_expires_at_exp_plus_leeway() {
    const EXP: u64 = 2_000_000_000;
    let idp = TestIdp::start().await;
    let clock = TestClock::new(UnixTime::from_secs(EXP - 1));
    let default = builder_a(idp.issuer()).clock(clock.clone());
    let none = builder_a(Trust::new(idp.issuer()).leeway(Duration::ZERO));
    let none = none.clock(Clock::from(clock.clone()));
    let guarded =
        [default, none].map(|server| Guarded::new(BearerAuthLayer::new(server.build().unwrap())));
    let token = alice(&idp).claim("exp", EXP).mint();
    for (now, with_leeway, without) in [
        (EXP - 1, 200, 200),
        (EXP, 200, 401),
        (EXP + 59, 200, 401),
        (EXP + 60, 401, 401),
        (EXP + 61, 401, 401),
        (u64::MAX, 401, 401),
    ] {
        clock.set(UnixTime::from_secs(now));
        assert_eq!(guarded[0].status(&token).await, with_leeway, "{now}");
        assert_eq!(guarded[1].status(&token).await, without, "{now}");
    }
}

/// AT-11
#[tokio::test]
async fn client_for_itself_is_a_service() {
    let (idp, guarded) = start().await;
    let users = guarded.clone().requires(Rule::user());
    let services = guarded.clone().requires(Rule::service());
    let service = idp.service("service-x").audience("service-a").mint();
    assert_eq!(
        guarded.caller(&service).await.kind(),
        PrincipalKind::Service
    );
    users.denies(&service, INSUFFICIENT).await;
    assert_eq!(services.status(&service).await, 200);
    let user = alice(&idp).mint();
    assert_eq!(guarded.caller(&user).await.kind(), PrincipalKind::User);
    assert_eq!(users.status(&user).await, 200);
    services.denies(&user, INSUFFICIENT).await;
}

/// AT-13
#[tokio::test]
async fn id_token_is_rejected() {
    let idp = TestIdp::start().await;
    let lenient = lenient(&idp);
    let guarded = [
        Guarded::over_socket(&idp),
        Guarded::new(BearerAuthLayer::new(lenient)),
    ];
    for guarded in guarded {
        let id_token = idp.id_token("alice", "service-a").claim("nonce", "n");
        guarded.refuses(&id_token.mint(), "an ID token").await;
        let posing = id_token.claim("client_id", "app").claim("jti", "j");
        guarded
            .refuses(&posing.typ(Some("at+jwt")).mint(), "posing")
            .await;
    }
}

/// AT-13
#[tokio::test]
async fn unmarked_id_token_needs_client_rule() {
    let idp = TestIdp::start().await;
    let trusting = |profile| service_a(Trust::new(idp.issuer()).profile(profile));
    let standard = trusting(Profile::RFC9068);
    let lenient = trusting(Profile::LENIENT);
    // The profile of the guide for migrations.
    let migrated = trusting(Profile::LENIENT.require_client());

    let marked = idp.id_token("alice", "service-a").scope("orders:read");
    let unmarked = marked.clone().without("nonce").mint();
    let marked = marked.mint();
    let access = alice(&idp).typ(Some("JWT")).mint();
    let code = async |server: &ResourceServer, token: &str| match server.validate(token).await {
        Ok(_) => "accepted",
        Err(rejection) => rejection.code(),
    };
    for (server, expected) in [
        (standard, ["wrong_type", "wrong_type", "wrong_type"]),
        (lenient, ["not_an_access_token", "accepted", "accepted"]),
        (migrated, ["missing_claim", "missing_claim", "accepted"]),
    ] {
        let codes = [
            code(&server, &marked).await,
            code(&server, &unmarked).await,
            code(&server, &access).await,
        ];
        assert_eq!(codes, expected);
    }
}

/// TX-24, TX-32
#[tokio::test]
async fn only_outermost_actor_counts() {
    let (idp, guarded) = start().await;
    let guarded = guarded.requires(Rule::actors(["service-b"]));
    let outer_forbidden = alice(&idp).actor("service-b").actor("service-x");
    guarded.denies(&outer_forbidden.mint(), INSUFFICIENT).await;
    let outer_allowed = alice(&idp).actor("service-x").actor("service-b").mint();
    let caller = guarded.caller(&outer_allowed).await;
    assert_eq!(caller.current_actor().unwrap().subject(), "service-b");
    assert_eq!(Vec::from_iter(caller.prior_actors().audit()), ["service-x"]);
}

/// TX-26
#[tokio::test]
async fn malformed_actor_is_rejected() {
    let (idp, guarded) = start().await;
    for bad in [
        json!("service-b"),
        json!(null),
        json!(["service-b"]),
        json!(1),
        json!({}),
        json!({ "client_id": "service-b" }),
        json!({ "sub": "" }),
        json!({ "sub": 1 }),
        json!({ "sub": ["service-b"] }),
        json!({ "sub": "service-b", "iss": 1 }),
        json!({ "sub": "service-b", "client_id": null }),
        json!({ "sub": "service-b", "act": null }),
        json!({ "sub": "service-b", "act": "service-x" }),
        json!({ "sub": "service-b", "act": { "iss": "https://x.example" } }),
    ] {
        guarded
            .refuses(
                &alice(&idp).claim("act", bad.clone()).mint(),
                &bad.to_string(),
            )
            .await;
    }
}

/// TX-32
#[tokio::test]
async fn actor_rule_rejects_the_user_alone() {
    let (idp, guarded) = start().await;
    let direct = alice(&idp).mint();
    let by_a_service = alice(&idp).actor("service-x").mint();
    for rule in [Rule::any_actor(), Rule::actors(["service-x"])] {
        let guarded = guarded.clone().requires(rule);
        guarded.denies(&direct, INSUFFICIENT).await;
        assert_eq!(guarded.status(&by_a_service).await, 200);
    }
    let users_alone = guarded.requires(Rule::no_actor());
    users_alone.denies(&by_a_service, INSUFFICIENT).await;
    assert_eq!(users_alone.status(&direct).await, 200);
}

/// TX-33
#[tokio::test]
async fn client_is_not_the_actor() {
    let (idp, guarded) = start().await;
    let token = alice(&idp)
        .client_id("service-b")
        .claim("azp", "service-b")
        .mint();
    let caller = guarded.caller(&token).await;
    assert_eq!(
        (caller.client_id(), caller.current_actor()),
        (Some("service-b"), None)
    );
    let for_service_b = guarded.requires(Rule::actors(["service-b"]));
    for_service_b.denies(&token, INSUFFICIENT).await;
}

/// TX-36
#[tokio::test]
async fn may_act_is_not_an_actor() {
    let (idp, guarded) = start().await;
    let token = alice(&idp).may_act(json!({ "sub": "service-b" })).mint();
    assert_eq!(guarded.caller(&token).await.current_actor(), None);
    guarded
        .requires(Rule::any_actor())
        .denies(&token, INSUFFICIENT)
        .await;
}
