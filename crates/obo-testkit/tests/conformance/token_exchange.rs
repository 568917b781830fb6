//! Token exchange (RFC 8693): requests, refusals, issued tokens.

use obo_testkit::{TestAlg, TestIdp, TestKey, TokenBuilder};

use serde_json::json;

use crate::wire::{ACCESS_TOKEN, JWT, claims_of, exchange, header_of, post, post_as, server};

const TO_B: (&str, &str) = ("audience", "service-b");

fn alice(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-a").scope("orders:read")
}

/// TX-12
#[tokio::test]
async fn success_is_complete_and_not_stored() {
    let idp = server().await;
    let response = exchange(&idp, "service-a", &alice(&idp).mint(), &[TO_B]).await;
    let body = response.json();
    let mut members: Vec<_> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();

    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(response.header("pragma"), "no-cache");
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(body["token_type"], "Bearer");
    assert!((295..=300).contains(&body["expires_in"].as_i64().unwrap()));
    // TX-18: no refresh token.
    assert_eq!(
        members,
        [
            "access_token",
            "expires_in",
            "issued_token_type",
            "scope",
            "token_type"
        ]
    );

    let refused = exchange(&idp, "service-a", "nonsense", &[TO_B]).await;
    assert_eq!(refused.header("cache-control"), "no-store");
}

#[tokio::test]
async fn issued_token_follows_rfc_9068() {
    let idp = server().await;
    let subject = alice(&idp)
        .claim("acr", "mfa")
        .claim("auth_time", 1_700_000_000)
        .claim("email", "a@x")
        .mint();
    let token = exchange(&idp, "service-a", &subject, &[TO_B])
        .await
        .access_token();
    let claims = claims_of(&token);

    assert_eq!(header_of(&token)["typ"], "at+jwt");
    assert_eq!(header_of(&token)["kid"], idp.kid());
    assert_eq!(claims["iss"], idp.issuer());
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["aud"], "service-b");
    assert_eq!(claims["client_id"], "service-a");
    assert_eq!(claims["scope"], "orders:read");
    assert_eq!(claims["act"]["sub"], "service-a");
    assert_eq!(
        (&claims["acr"], &claims["auth_time"]),
        (&"mfa".into(), &1_700_000_000.into())
    );
    assert!(claims["jti"].is_string() && claims["iat"].is_i64() && claims["exp"].is_i64());
    assert_ne!(claims["jti"], claims_of(&subject)["jti"]);
    assert!(
        claims.get("email").is_none(),
        "only listed claims are carried over"
    );
}

/// TX-09
#[tokio::test]
async fn subject_and_actor_are_verified() {
    let idp = server().await;
    let other = TestIdp::start().await;
    let foreign = TestKey::generate(TestAlg::Rs256);
    let good = alice(&idp).mint();
    let (message, _) = good.rsplit_once('.').unwrap();
    let none = alice(&idp).header("alg", "none").mint();
    let (none, _) = none.rsplit_once('.').unwrap();
    let forged = || {
        other
            .user("alice")
            .audience("service-a")
            .issuer(idp.issuer())
            .kid(Some(&idp.kid()))
            .mint()
    };
    let bad = [
        ("expired", alice(&idp).expires_in(-1).mint()),
        ("expired", alice(&idp).expires_in(0).mint()),
        ("expired", alice(&idp).without("exp").mint()),
        ("expired", alice(&idp).claim("exp", "9999999999").mint()),
        ("not valid yet", alice(&idp).not_before(60).mint()),
        ("not signed", alice(&idp).sign_with(&foreign).mint()),
        (
            "not signed",
            alice(&idp).sign_with(&foreign).kid(None).mint(),
        ),
        ("not signed", alice(&idp).kid(Some("nope")).mint()),
        ("not signed", format!("{message}.")),
        (
            "not signed",
            other.user("alice").audience("service-a").mint(),
        ),
        ("not signed", forged()),
        ("not a JWT", format!("{none}.")),
        ("not a JWT", alice(&idp).header("crit", json!(["x"])).mint()),
        ("not a JWT", "a.b.c".to_owned()),
        (
            "another server",
            alice(&idp).issuer("https://idp.example").mint(),
        ),
        ("no sub", alice(&idp).without("sub").mint()),
        ("not an access token", alice(&idp).typ(Some("JWT")).mint()),
        ("not an access token", alice(&idp).typ(None).mint()),
        (
            "not an access token",
            idp.id_token("alice", "service-a").mint(),
        ),
    ];
    for (reason, token) in &bad {
        // TX-19: `invalid_request`, not `invalid_grant`.
        let subject = exchange(&idp, "service-a", token, &[TO_B]).await;
        assert_eq!(subject.error(), (400, "invalid_request".to_owned()));
        assert!(subject.description().contains(reason), "{reason}");
        let actor = [
            TO_B,
            ("actor_token", token.as_str()),
            ("actor_token_type", ACCESS_TOKEN),
        ];
        let actor = exchange(&idp, "service-a", &good, &actor).await;
        assert_eq!(actor.error(), (400, "invalid_request".to_owned()));
        assert!(actor.description().starts_with("actor token refused"));
        assert!(actor.description().contains(reason), "{reason}");
    }
    assert_eq!(
        exchange(&idp, "service-a", &good, &[TO_B]).await.status,
        200
    );
}

/// TX-09
#[tokio::test]
async fn subject_token_must_name_client() {
    let idp = server().await;
    for token in [
        idp.user("alice").audience("service-x").mint(),
        idp.user("alice").mint(),
        idp.user("alice").without("aud").mint(),
        idp.user("alice")
            .claim("aud", json!(["service-a", 7]))
            .mint(),
    ] {
        let response = exchange(&idp, "service-a", &token, &[TO_B]).await;
        assert_eq!(response.error(), (400, "invalid_request".to_owned()));
        assert_eq!(
            response.description(),
            "subject token is not addressed to this client"
        );
    }
    let among_others = idp
        .user("alice")
        .audience("service-x")
        .audience("service-a")
        .mint();
    assert_eq!(
        exchange(&idp, "service-a", &among_others, &[TO_B])
            .await
            .status,
        200
    );
}

/// TX-10
#[tokio::test]
async fn subject_token_can_be_reused() {
    let idp = server().await;
    let subject = alice(&idp).mint();
    let first = exchange(&idp, "service-a", &subject, &[TO_B])
        .await
        .access_token();
    let second = exchange(&idp, "service-a", &subject, &[TO_B])
        .await
        .access_token();
    assert_ne!(claims_of(&first)["jti"], claims_of(&second)["jti"]);
}

/// TX-11
#[tokio::test]
async fn client_authentication_is_required() {
    let idp = server().await;
    let subject = alice(&idp).mint();
    let pairs = [
        ("grant_type", crate::wire::EXCHANGE),
        ("subject_token", &subject),
        ("subject_token_type", ACCESS_TOKEN),
        TO_B,
    ];
    assert_eq!(
        post(&idp, &pairs).await.error(),
        (401, "invalid_client".to_owned())
    );
    let with_id = [&pairs[..], &[("client_id", "service-a")]].concat();
    assert_eq!(
        post(&idp, &with_id).await.error(),
        (401, "invalid_client".to_owned())
    );
    assert_eq!(post_as(&idp, "service-a", &pairs).await.status, 200);
}

/// TX-19
#[tokio::test]
async fn malformed_requests_are_rejected() {
    let idp = server().await;
    let subject = alice(&idp).mint();
    let saml = "urn:ietf:params:oauth:token-type:saml2";
    let cases: [&[(&str, &str)]; 8] = [
        &[TO_B, ("subject_token", "")],
        &[TO_B, ("subject_token_type", "")],
        &[TO_B, ("subject_token_type", saml)],
        &[TO_B, ("subject_token_type", "access_token")],
        &[TO_B, ("requested_token_type", saml)],
        &[TO_B, ("actor_token_type", ACCESS_TOKEN)],
        &[TO_B, ("actor_token", &subject)],
        &[TO_B, ("actor_token", &subject), ("actor_token_type", saml)],
    ];
    for more in cases {
        let response = exchange(&idp, "service-a", &subject, more).await;
        assert_eq!(
            response.error(),
            (400, "invalid_request".to_owned()),
            "{}",
            response.description()
        );
    }
}

/// TX-23
#[tokio::test]
async fn both_jwt_token_types_are_accepted() {
    let idp = server().await;
    let more = [
        TO_B,
        ("subject_token_type", JWT),
        ("requested_token_type", JWT),
    ];
    let response = exchange(&idp, "service-a", &alice(&idp).mint(), &more).await;
    assert_eq!(response.json()["issued_token_type"], JWT);

    let id_token = idp.id_token("alice", "service-a").mint();
    let response = exchange(
        &idp,
        "service-a",
        &id_token,
        &[TO_B, ("subject_token_type", JWT)],
    )
    .await;
    assert_eq!(response.error(), (400, "invalid_request".to_owned()));
}

/// TX-43
#[tokio::test]
async fn issued_token_ends_with_subject() {
    let idp = server().await;
    let short = alice(&idp).expires_in(40).mint();
    let response = exchange(&idp, "service-a", &short, &[TO_B]).await;
    assert_eq!(
        claims_of(&response.access_token())["exp"],
        claims_of(&short)["exp"]
    );
    assert!(response.json()["expires_in"].as_i64().unwrap() <= 40);

    idp.set_token_lifetime(20);
    let response = exchange(&idp, "service-a", &short, &[TO_B]).await;
    assert!(
        claims_of(&response.access_token())["exp"].as_i64() < claims_of(&short)["exp"].as_i64()
    );
    assert_eq!(response.json()["expires_in"], 20);
}

/// TX-43
#[tokio::test]
async fn issued_token_ends_with_actor() {
    let idp = server().await;
    let actor = idp.service("service-a").expires_in(30).mint();
    let more = [
        TO_B,
        ("actor_token", actor.as_str()),
        ("actor_token_type", ACCESS_TOKEN),
    ];
    let token = exchange(&idp, "service-a", &alice(&idp).mint(), &more)
        .await
        .access_token();
    assert_eq!(claims_of(&token)["exp"], claims_of(&actor)["exp"]);
}
