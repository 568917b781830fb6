//! Which tokens are introspected: the configuration decides, not the form of the token.

use obo::{Audience, Issuer, Policy, Rejection, Trust};
use obo_testkit::{TestIdp, TokenBuilder};
use tokio::time::{Duration, advance, pause};

use crate::guarded::{self, builder_a};
use crate::introspecting::{calls, code, in_process, over_socket, service_a, trust_over_socket};

fn good(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-a")
}

fn issuer(idp: &TestIdp) -> Issuer {
    Issuer::new(idp.issuer()).unwrap()
}

/// IN-08
#[tokio::test]
async fn opaque_token_needs_introspection() {
    let (one, two) = (TestIdp::start().await, TestIdp::start().await);
    let server = builder_a(one.issuer()).trust(two.issuer()).build().unwrap();
    assert_eq!(code(&server, "opaque").await, "malformed_token");
    assert_eq!(
        code(&server, &good(&one).mint_opaque()).await,
        "malformed_token"
    );
    assert_eq!((one.requests().len(), two.requests().len()), (0, 0));
}

/// IN-08
#[tokio::test]
async fn foreign_token_is_not_introspected() {
    let (idp, trust) = trust_over_socket(|settings| settings).await;
    let other = TestIdp::start().await;
    let server = guarded::service_a(trust.clone());
    assert_eq!(code(&server, &good(&other).mint()).await, "unknown_issuer");
    let server = builder_a(trust).trust(other.issuer()).build().unwrap();
    assert_eq!(code(&server, &good(&other).mint()).await, "ok");
    assert_eq!(
        (idp.introspection_requests(), other.introspection_requests()),
        (0, 0)
    );
    // A token without an issuer, or one that cannot be parsed, is introspected.
    let unreadable = good(&idp).header("alg", "HS256").mint();
    for (token, expected) in [
        (good(&idp).mint(), "ok"),
        (good(&idp).mint_opaque(), "ok"),
        (good(&other).mint_opaque(), "inactive"),
        (good(&other).without("iss").mint(), "inactive"),
        (unreadable, "inactive"),
    ] {
        assert_eq!(code(&server, &token).await, expected);
    }
    assert_eq!(
        (idp.introspection_requests(), other.introspection_requests()),
        (5, 0)
    );
}

/// IN-08
#[tokio::test]
async fn unreadable_foreign_jwt_is_not_sent() {
    let (idp, trust) = trust_over_socket(|settings| settings).await;
    let other = TestIdp::start().await;
    let server = guarded::service_a(trust.clone());
    let trusting = builder_a(trust).trust(other.issuer()).build().unwrap();
    // For example an algorithm that is newer than this crate.
    let of =
        |idp: &TestIdp, name: &str, value: serde_json::Value| good(idp).header(name, value).mint();
    let unreadable = [
        ("alg", "ML-DSA-65".into()),
        ("alg", "HS256".into()),
        ("crit", serde_json::json!(["exp"])),
        ("kid", 1.into()),
        ("x", "x".repeat(5_000).into()),
    ];
    for (name, value) in unreadable {
        let (own, foreign) = (of(&idp, name, value.clone()), of(&other, name, value));
        for server in [&server, &trusting] {
            let requests = idp.introspection_requests();
            assert_ne!(code(server, &foreign).await, "inactive", "{name}");
            assert_eq!(idp.introspection_requests(), requests, "{name}");
            // The issuer decides about its own tokens.
            code(server, &own).await;
            assert_eq!(idp.introspection_requests(), requests + 1, "{name}");
        }
    }
    let odd = good(&other).claim("act", "no actor").mint();
    assert_eq!(code(&server, &odd).await, "invalid_claim");
    // An encrypted token may name its issuer in the header (RFC 7519 section 5.3).
    let encrypted = good(&other)
        .header("enc", "A256GCM")
        .header("iss", other.issuer())
        .mint();
    let header = encrypted.split('.').next().unwrap();
    let encrypted = format!("{header}.AA.AA.AA.AA");
    assert_eq!(code(&server, &encrypted).await, "malformed_token");
}

/// IN-08
#[tokio::test]
async fn only_opaque_tokens_are_introspected() {
    let (idp, server) = over_socket(|settings| settings.for_opaque_tokens()).await;
    assert_eq!(code(&server, &good(&idp).mint()).await, "ok");
    for (token, expected) in [
        (good(&idp).expires_in(-120).mint(), "expired"),
        (
            good(&idp).header("alg", "HS256").mint(),
            "algorithm_not_allowed",
        ),
        (good(&idp).without("iss").mint(), "missing_claim"),
        (
            good(&idp).issuer("https://other.example").mint(),
            "unknown_issuer",
        ),
    ] {
        assert_eq!(code(&server, &token).await, expected);
    }
    assert_eq!(idp.introspection_requests(), 0);
    assert_eq!(code(&server, &good(&idp).mint_opaque()).await, "ok");
    assert_eq!(code(&server, "a.b.c").await, "inactive");
    assert_eq!(idp.introspection_requests(), 2);
}

#[tokio::test]
async fn verified_jwt_can_be_introspected() {
    let (idp, server) = over_socket(|settings| settings.for_revocation()).await;
    let token = good(&idp).mint();
    let caller = server.validate(&token).await.unwrap();
    assert_eq!(caller.subject(), "alice");
    assert_eq!((idp.jwks_requests(), idp.introspection_requests()), (1, 1));
    for (token, expected) in [
        (good(&idp).expires_in(-120).mint(), "expired"),
        (good(&idp).mint_opaque(), "malformed_token"),
        ("opaque".to_owned(), "malformed_token"),
        (token.clone(), "ok"),
    ] {
        assert_eq!(code(&server, &token).await, expected);
    }
    assert_eq!(idp.introspection_requests(), 1);
    idp.revoke(&token);
    assert_eq!(code(&server, &token).await, "ok");
    pause();
    advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    assert_eq!(code(&server, &token).await, "inactive");
    // An active response does not help a token that the keys do not verify.
    let forged = good(&idp).sign_with(&obo_testkit::TestKey::generate(obo_testkit::TestAlg::Rs256));
    assert_eq!(code(&server, &forged.mint()).await, "bad_signature");
    assert_eq!(idp.introspection_requests(), 2);
}

/// IN-08
#[tokio::test]
async fn unreadable_token_goes_to_own_issuer() {
    let (idp, trust) = trust_over_socket(|settings| settings).await;
    let other = TestIdp::start().await;
    let server = guarded::service_a(trust.clone());
    let trusted = builder_a(trust).trust(other.issuer()).build().unwrap();
    let of_other = || good(&other);
    for server in [&server, &trusted] {
        for (token, expected) in [
            (of_other().header("alg", "HS256"), "algorithm_not_allowed"),
            (of_other().header("alg", "none"), "algorithm_not_allowed"),
            (of_other().header("crit", vec!["b64"]), "unsupported_header"),
            (of_other().claim("exp", "soon"), "invalid_claim"),
        ] {
            assert_eq!(code(server, &token.mint()).await, expected);
        }
        // A token of another form is introspected only at its own issuer too.
        let four = format!("{}.x", of_other().mint());
        assert_eq!(code(server, &four).await, "malformed_token");
    }
    assert_eq!(
        (idp.introspection_requests(), other.introspection_requests()),
        (0, 0)
    );
    let own = format!("{}.x", good(&idp).mint());
    assert_eq!(code(&server, &own).await, "inactive");
    assert_eq!(idp.introspection_requests(), 1);
}

/// IN-05, JW-33: some servers describe a refresh token like an access token.
#[tokio::test]
async fn other_kind_is_not_introspected() {
    let (idp, server) = over_socket(|settings| settings).await;
    for (claim, kind) in [
        ("typ", "Refresh"),
        ("typ", "ID"),
        ("token_use", "refresh"),
        ("token_use", "id"),
    ] {
        let token = good(&idp).claim(claim, kind);
        for token in [token.clone(), token.without("iss")] {
            let code = code(&server, &token.mint()).await;
            assert_eq!(code, "not_an_access_token", "{kind}");
        }
    }
    let event = good(&idp).claim("events", serde_json::json!({}));
    assert_eq!(code(&server, &event.mint()).await, "not_an_access_token");
    assert_eq!(idp.introspection_requests(), 0);
    let access = good(&idp)
        .claim("token_use", "access")
        .claim("typ", "Bearer");
    assert_eq!(code(&server, &access.mint()).await, "ok");
}

/// IN-05, JW-33, DP-25, MT-03: the issuer reports all of them as active, without other members.
#[tokio::test]
async fn bound_token_is_not_introspected() {
    let (idp, server) = in_process(|settings| settings).await;
    let (refresh, event, bound) = (
        ("typ", "Refresh".into()),
        ("events", serde_json::json!({})),
        ("cnf", serde_json::json!({ "jkt": "x" })),
    );
    let used = ("token_use", "refresh".into());
    let kinds = [
        (refresh, "not_an_access_token"),
        (used, "not_an_access_token"),
        (event, "not_an_access_token"),
        (bound, "binding_not_checked"),
    ];
    for ((claim, value), expected) in kinds {
        let token = idp.token().claim(claim, value);
        let odd = [
            token.clone(),
            token.clone().without("iss"),
            token.clone().header("alg", "HS256"),
            token.clone().header("alg", "HS512"),
            token.clone().header("alg", "none"),
            token.clone().header("crit", vec!["x"]),
            token.clone().claim("act", serde_json::Value::Null),
            token.claim("exp", "soon"),
        ];
        for token in odd {
            let token = token.mint();
            assert_eq!(code(&server, &token).await, expected, "{claim}");
            let four = format!("{token}.x");
            assert_eq!(code(&server, &four).await, expected, "{claim}");
        }
    }
    assert_eq!(calls(&idp), 0);
    // The issuer decides about tokens without these members.
    for token in [idp.token(), idp.token().header("alg", "HS256")] {
        assert_eq!(code(&server, &token.mint()).await, "ok");
    }
}

/// JW-31
#[tokio::test]
async fn header_of_other_kind_is_rejected() {
    let (idp, server) = in_process(|settings| settings).await;
    let (other, revocable) = in_process(|settings| settings.for_revocation()).await;
    let by_keys = crate::guarded::service_a(other.known());
    for typ in [
        "rt+jwt",
        "application/rt+jwt",
        "RT+JWT",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
        "id_token",
        "refresh",
    ] {
        let token = || idp.token().header("typ", typ);
        for token in [
            token(),
            token().without("iss"),
            token().header("alg", "HS256"),
            token().header("crit", vec!["x"]),
            token().claim("act", serde_json::Value::Null),
        ] {
            let code = code(&server, &token.mint()).await;
            assert_eq!(code, "not_an_access_token", "{typ}");
        }
        let token = other.token().header("typ", typ).mint();
        for server in [&revocable, &by_keys] {
            assert_eq!(code(server, &token).await, "wrong_type", "{typ}");
        }
    }
    assert_eq!((calls(&idp), calls(&other)), (0, 0));
    for typ in ["at+jwt", "application/at+jwt", "JWT"] {
        let token = idp.token().header("typ", typ).mint();
        assert_eq!(code(&server, &token).await, "ok", "{typ}");
    }
}

/// IN-08: the issuer reports all of them as active, without `aud`.
#[tokio::test]
async fn jwt_for_others_is_not_introspected() {
    let (idp, server) = in_process(|settings| settings.allow_missing_audience()).await;
    let mut response = crate::introspecting::active(&idp);
    response.as_object_mut().unwrap().remove("aud");
    idp.reply(
        crate::introspecting::INTROSPECT,
        crate::issuer::Reply::Body(response.to_string()),
    );
    let token = |aud: &serde_json::Value| idp.token().claim("aud", aud.clone());
    for other in [
        serde_json::json!("service-b"),
        serde_json::json!(["service-b", "x"]),
        serde_json::json!([]),
    ] {
        for token in [
            token(&other),
            token(&other).without("iss"),
            token(&other).header("alg", "HS256"),
            token(&other).claim("exp", "soon"),
        ] {
            assert_eq!(
                code(&server, &token.mint()).await,
                "wrong_audience",
                "{other}"
            );
        }
    }
    assert_eq!(calls(&idp), 0);
    let own = serde_json::json!(["x", "service-a"]);
    for token in [
        token(&own),
        idp.token().without("aud"),
        token(&own).header("alg", "HS256"),
    ] {
        assert_eq!(code(&server, &token.mint()).await, "ok");
    }
    assert_eq!(code(&server, crate::introspecting::OPAQUE).await, "ok");
}

#[tokio::test]
async fn only_one_issuer_takes_opaque_tokens() {
    let (_, trust) = trust_over_socket(|settings| settings).await;
    let other = |settings| Trust::new("https://other.example").introspect(settings);
    let with = |settings| builder_a(trust.clone()).trust(other(settings));
    for settings in [service_a(), service_a().for_opaque_tokens()] {
        let error = with(settings).build().unwrap_err();
        assert_eq!(error.field(), "trust[1].introspection");
        assert!(error.to_string().contains("opaque"), "{error}");
    }
    let both = with(service_a().for_revocation());
    both.clone().build().unwrap();
    let twice = both.trust(other(service_a().for_revocation()));
    assert_eq!(twice.build().unwrap_err().field(), "trust[2].issuer");
    let of_a = Issuer::new("https://a.example").unwrap();
    let of_a = Policy::new(Audience::new("service-a").unwrap(), of_a);
    let misplaced = builder_a(other(service_a()).policy(of_a));
    assert_eq!(misplaced.build().unwrap_err().field(), "trust[0].issuer");
}

#[tokio::test]
async fn invalid_settings_are_rejected() {
    let hour = Duration::from_secs(3600);
    let build =
        |settings| builder_a(Trust::new("https://idp.example").introspect(settings)).build();
    build(service_a().max_age(hour)).unwrap();
    let day = 24 * hour;
    for (settings, field) in [
        (
            service_a().max_age(hour + Duration::from_secs(1)),
            "max_age",
        ),
        (service_a().concurrency(0), "concurrency"),
        (
            service_a().endpoint("http://idp.example/introspect"),
            "endpoint",
        ),
        (
            service_a().allow_missing_expiry(Duration::ZERO),
            "allow_missing_expiry",
        ),
        (
            service_a().allow_missing_expiry(day + Duration::from_secs(1)),
            "allow_missing_expiry",
        ),
        // The first mistake is returned.
        (service_a().concurrency(0).max_age(day), "concurrency"),
        (service_a().concurrency(0).concurrency(1), "concurrency"),
    ] {
        let error = build(settings).unwrap_err();
        assert_eq!(error.field(), format!("trust[0].introspection.{field}"));
    }
}

#[tokio::test]
async fn issuer_without_endpoint_is_503() {
    let idp = TestIdp::start().await;
    let metadata = obo::authorization_server::ServerMetadata::new(None, None).unwrap();
    let http = obo::authorization_server::HttpService::default_client();
    let server = obo::AuthorizationServer::builder(issuer(&idp))
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    let server = guarded::service_a(Trust::new(server).introspect(service_a()));
    let refused = server.validate("opaque").await.unwrap_err();
    let Rejection::IntrospectionUnavailable { problem, .. } = &refused else {
        panic!("{refused}");
    };
    assert!(problem.contains("introspection_endpoint"), "{problem}");
    // It needs no keys, so it is ready.
    server.ready().await.unwrap();
    assert_eq!(server.key_status().count(), 0);
}
