//! <https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference>

use obo_core::dialect::entra;
use obo_core::{Audience, Policy, PrincipalKind, TokenError};
use serde_json::json;

use super::{Recorded, roles, scope};

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const OTHER: &str = "fa15d692-e9c7-4460-a743-29f2956fd429";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const CLIENT: &str = "00000003-aaaa-4bbb-8ccc-000000000001";

fn v2_policy(tenant: &str) -> Policy {
    let issuer = entra::issuer(tenant).unwrap();
    let policy = Policy::builder(issuer).audience(API);
    policy.profile(entra::profile()).build().unwrap()
}

fn v1_policy() -> Policy {
    let issuer = entra::issuer_v1(TENANT).unwrap();
    let audience = Audience::new("api://orders").unwrap();
    let policy = Policy::builder(issuer).audience(audience);
    policy.profile(entra::profile_v1()).build().unwrap()
}

fn v2() -> Recorded {
    Recorded::new(
        Some("JWT"),
        r#"{
          "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
          "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
          "iat": 1537231048, "nbf": 1537231048, "exp": 1537234948,
          "aio": "AXQAi/8IAAAAtAaZLo3ChMif6KOnttRB7eBq4/DccQzjcJGxPYy/C3jDaNGxXd6wNIIVGRghNRnwJ1lOcAnNZcjvkoyrFx",
          "azp": "00000003-aaaa-4bbb-8ccc-000000000001", "azpacr": "0",
          "name": "Abe Lincoln", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
          "preferred_username": "abeli@microsoft.com", "rh": "I",
          "roles": ["Orders.Approve"], "scp": "access_as_user Orders.Read",
          "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
          "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0"
        }"#,
    )
}

fn v1() -> Recorded {
    Recorded::new(
        Some("JWT"),
        r#"{
          "aud": "api://orders",
          "iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
          "iat": 1537233106, "nbf": 1537233106, "exp": 1537237006,
          "acr": "1", "aio": "AXQAi/8IAAAAFm+E/QTG+gFnVxLjWdw8K+61AGrSOuMMF6ebaMj7XO3IbmD3fGmrOyD+NvZyGn2VaT/kDKXw4MIhrgGVq6Bn8w",
          "amr": ["wia"], "appid": "75dbe77f-10a3-4e59-85fd-8c127544f17c", "appidacr": "0",
          "email": "AbeLi@microsoft.com", "family_name": "Lincoln", "given_name": "Abe (MSFT)",
          "ipaddr": "222.222.222.22", "name": "abeli", "oid": "02223b6b-aa1d-42d4-9ec0-1b2bb9194438",
          "rh": "I", "scp": "user_impersonation",
          "sub": "l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
          "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "unique_name": "abeli@microsoft.com",
          "uti": "FVsGxYXI30-TuikuuUoFAA", "ver": "1.0"
        }"#,
    )
}

/// Client credentials, version 2.0: neither scope nor user name.
fn app_only() -> Recorded {
    let oid = "690222be-ff1a-4d56-abd1-7e4f7d38e474";
    let user = v2()
        .without("scp")
        .without("name")
        .without("preferred_username");
    user.with("sub", oid).with("azpacr", "1")
}

/// EN-07, EN-08, OT-01
#[test]
fn both_versions_give_a_user() {
    let caller = v2().under(&v2_policy(TENANT)).unwrap();
    assert_eq!(
        caller.subject(),
        "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ"
    );
    assert_eq!(caller.client_id(), Some(CLIENT));
    assert_eq!(caller.scope(), &scope(["access_as_user", "Orders.Read"]));
    assert_eq!(roles(&caller), ["Orders.Approve"]);
    assert_eq!(caller.kind(), PrincipalKind::User);
    assert!(caller.current_actor().is_none());

    let caller = v1().under(&v1_policy()).unwrap();
    let client = "75dbe77f-10a3-4e59-85fd-8c127544f17c";
    assert_eq!(caller.client_id(), Some(client));
    assert_eq!(caller.scope(), &scope(["user_impersonation"]));
    assert_eq!(caller.kind(), PrincipalKind::User);
}

/// EN-07
#[test]
fn versions_do_not_mix() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    assert!(matches!(
        v1().refusal(&v2_policy(TENANT)),
        TokenError::UnknownIssuer { .. }
    ));
    let v1_as_v2 = v1().with("iss", issuer).with("aud", API);
    assert_eq!(
        v1_as_v2.refusal(&v2_policy(TENANT)),
        TokenError::MissingClaim("azp")
    );
    assert_eq!(
        v2().with("ver", "1.0").refusal(&v2_policy(TENANT)),
        TokenError::UnexpectedClaim("ver")
    );
}

/// EN-06
#[test]
fn tid_must_match_the_issuer() {
    let policy = v2_policy(TENANT);
    assert_eq!(
        v2().without("tid").refusal(&policy),
        TokenError::MissingClaim("tid")
    );
    for tid in [
        json!(OTHER),
        json!("v2.0x"),
        json!(""),
        json!([TENANT]),
        json!(1),
    ] {
        let refused = v2().with("tid", tid).refusal(&policy);
        assert_eq!(refused, TokenError::UnexpectedClaim("tid"));
    }
    assert_eq!(
        v1().with("tid", OTHER).refusal(&v1_policy()),
        TokenError::UnexpectedClaim("tid")
    );
    let theirs = v2().with(
        "iss",
        format!("https://login.microsoftonline.com/{OTHER}/v2.0"),
    );
    assert!(matches!(
        theirs.refusal(&policy),
        TokenError::UnknownIssuer { .. }
    ));
    theirs.with("tid", OTHER).under(&v2_policy(OTHER)).unwrap();
}

/// EN-06
#[test]
fn multi_tenant_issuer_is_rejected() {
    for tenant in [
        "common",
        "organizations",
        "consumers",
        "contoso.onmicrosoft.com",
        "{tenantid}",
        "",
        "72F988BF-86F1-41AF-91AB-2D7CD011DB47",
        "72f988bf-86f1-41af-91ab-2d7cd011db4/",
        "72f988bf86f141af91ab2d7cd011db47",
    ] {
        assert_eq!(entra::issuer(tenant).unwrap_err().field(), "tenant");
        assert_eq!(entra::issuer_v1(tenant).unwrap_err().field(), "tenant");
    }
}

/// AT-11, EN-08
#[test]
fn token_without_user_is_a_service() {
    for token in [
        app_only(),
        app_only().with("idtyp", "app"),
        v2().with("idtyp", "app"),
    ] {
        let caller = token.under(&v2_policy(TENANT)).unwrap();
        assert_eq!(caller.kind(), PrincipalKind::Service);
        assert_eq!(roles(&caller), ["Orders.Approve"]);
    }
    let caller = app_only().under(&v2_policy(TENANT)).unwrap();
    assert!(caller.scope().is_empty());
}

/// AT-13
#[test]
fn id_token_is_rejected() {
    let id_token = v2().without("azp").without("azpacr").without("scp");
    let policy = v2_policy(TENANT);
    assert_eq!(id_token.refusal(&policy), TokenError::MissingClaim("azp"));
    let with_nonce = v2().with("nonce", "12345");
    assert!(matches!(
        with_nonce.refusal(&policy),
        TokenError::NotAnAccessToken(_)
    ));
    let v1_id_token = v1().without("appid").without("scp");
    assert_eq!(
        v1_id_token.refusal(&v1_policy()),
        TokenError::MissingClaim("appid")
    );
}

/// TX-33, EN-09
#[test]
fn client_is_actor_where_configured() {
    let issuer = entra::issuer(TENANT).unwrap();
    let mapped = Policy::builder(issuer.clone())
        .audience(API)
        .profile(entra::profile().allow_client_as_actor())
        .build()
        .unwrap();
    let caller = v2().under(&mapped).unwrap();
    let actor = caller.current_actor().unwrap();
    assert_eq!(
        (actor.subject(), actor.id().issuer()),
        (CLIENT, issuer.as_str())
    );
    assert!(caller.prior_actors().is_empty());
    let alone = app_only().under(&mapped).unwrap();
    assert!(alone.current_actor().is_none());
}

/// TX-34
#[test]
fn only_scp_text_is_scope() {
    let policy = v2_policy(TENANT);
    let array = v2().with("scp", json!(["access_as_user"]));
    assert_eq!(array.refusal(&policy), TokenError::InvalidClaim("scp"));
    let elsewhere = v2().with("scope", "admin").under(&policy).unwrap();
    assert!(!elsewhere.scope().contains("admin"));
}

/// JW-31
#[test]
fn typ_must_be_jwt() {
    for (typ, seen) in [
        (None, "none"),
        (Some("at+jwt"), "at+jwt"),
        (Some("dpop+jwt"), r#""dpop+jwt""#),
    ] {
        let refused = v2().typ(typ).refusal(&v2_policy(TENANT));
        let seen = seen.to_owned();
        let expected = "JWT";
        assert_eq!(refused, TokenError::Type { expected, seen });
    }
}
