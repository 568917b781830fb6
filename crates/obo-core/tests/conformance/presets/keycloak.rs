//! <https://www.keycloak.org/docs/latest/server_admin/>

use obo_core::dialect::keycloak;
use obo_core::{Issuer, PrincipalKind, Profile, TokenError};
use serde_json::json;

use super::{Recorded, policy, roles, scope};

const REALM: &str = "https://sso.example.com/realms/corp";

fn under(profile: Profile) -> obo_core::Policy {
    policy(REALM, "orders", profile)
}

fn user() -> Recorded {
    Recorded::new(
        Some("JWT"),
        r#"{
          "exp": 1735689900, "iat": 1735689600, "auth_time": 1735689590,
          "jti": "onrtac:4a1f0f3e-6a3c-4b65-8f9b-3a4c0e8f2d11",
          "iss": "https://sso.example.com/realms/corp", "aud": ["orders", "account"],
          "sub": "b7c86a4e-5d6b-4b1c-93b6-0a4a2f2f3a0e", "typ": "Bearer", "azp": "web-shop",
          "sid": "c0f6a1f1-2a41-4a3a-9a0b-7c8a6a4b1234", "acr": "1",
          "allowed-origins": ["https://shop.example.com"],
          "realm_access": {"roles": ["default-roles-corp", "offline_access", "uma_authorization"]},
          "resource_access": {"orders": {"roles": ["approver"]}, "account": {"roles": ["manage-account"]}},
          "scope": "openid profile email", "email_verified": true, "name": "Alice Liddell",
          "preferred_username": "alice", "given_name": "Alice", "family_name": "Liddell",
          "email": "alice@example.com"
        }"#,
    )
}

fn service_account() -> Recorded {
    Recorded::new(
        Some("JWT"),
        r#"{
          "exp": 1735689900, "iat": 1735689600, "jti": "trrtcc:19b582b8-28c5-4a7e-ae0b-0500e11c6bd4",
          "iss": "https://sso.example.com/realms/corp", "aud": "orders",
          "sub": "d952cf23-bf92-4c8f-a3ff-4972b4f2bc5b", "typ": "Bearer", "azp": "stock", "acr": "1",
          "realm_access": {"roles": ["default-roles-corp"]}, "scope": "profile email",
          "clientHost": "10.0.0.7", "email_verified": false,
          "preferred_username": "service-account-stock", "clientAddress": "10.0.0.7", "client_id": "stock"
        }"#,
    )
}

/// KC-08, OT-01
#[test]
fn both_typ_headers_give_a_user() {
    for typ in ["JWT", "at+jwt"] {
        let caller = user().typ(Some(typ)).under(&under(keycloak::profile()));
        let caller = caller.unwrap();
        assert_eq!(caller.subject(), "b7c86a4e-5d6b-4b1c-93b6-0a4a2f2f3a0e");
        assert_eq!(caller.client_id(), Some("web-shop"));
        assert_eq!(caller.scope(), &scope(["openid", "profile", "email"]));
        assert_eq!(caller.kind(), PrincipalKind::User);
        assert!(roles(&caller).contains(&"uma_authorization"));
    }
    let of_client = keycloak::profile().roles_from(&["resource_access", "orders", "roles"]);
    assert_eq!(
        roles(&user().under(&under(of_client)).unwrap()),
        ["approver"]
    );
}

/// KC-08, AT-13
#[test]
fn other_token_kinds_are_rejected() {
    let policy = under(keycloak::profile());
    for kind in ["ID", "Refresh", "Offline", "Logout"] {
        let refused = user().with("typ", kind).refusal(&policy);
        assert!(matches!(refused, TokenError::NotAnAccessToken(_)), "{kind}");
    }
    for kind in ["DPoP", "Serialized-ID", "bearer"] {
        let refused = user().with("typ", kind).refusal(&policy);
        assert_eq!(refused, TokenError::UnexpectedClaim("typ"), "{kind}");
    }
    let untyped = user().without("typ").refusal(&policy);
    assert_eq!(untyped, TokenError::MissingClaim("typ"));
    let hashed = user()
        .with("at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng")
        .refusal(&policy);
    assert!(matches!(hashed, TokenError::NotAnAccessToken(_)));
}

/// AT-11
#[test]
fn any_mark_makes_a_service() {
    let policy = under(keycloak::profile());
    let by_name_alone = service_account().without("client_id");
    let by_name_alone = by_name_alone.without("clientHost").without("clientAddress");
    let named = by_name_alone.under(&policy).unwrap();
    assert_eq!(
        named.kind(),
        PrincipalKind::User,
        "people choose their names"
    );
    let by_note = service_account().without("preferred_username");
    let by_old_note = by_note
        .clone()
        .without("client_id")
        .with("clientId", "stock");
    let by_its_host = service_account().without("client_id");
    for token in [service_account(), by_note, by_old_note, by_its_host] {
        let caller = token.under(&policy).unwrap();
        assert_eq!(caller.kind(), PrincipalKind::Service);
        assert_eq!(caller.client_id(), Some("stock"));
    }
}

/// AT-11, IN-05
#[test]
fn response_client_makes_no_service() {
    let policy = under(keycloak::profile());
    let kind_of = |token: Recorded| {
        let client = token.payload["azp"].clone();
        let token = token.with("username", "someone").with("client_id", client);
        token.introspected(&policy).unwrap().kind()
    };
    assert_eq!(kind_of(user()), PrincipalKind::User);
    assert_eq!(kind_of(service_account()), PrincipalKind::Service);
    for mark in ["clientHost", "clientAddress"] {
        let by_one_mark = service_account().without(mark);
        assert_eq!(kind_of(by_one_mark), PrincipalKind::Service, "{mark}");
    }
}

/// KC-05, TX-33
#[test]
fn client_is_actor_where_configured() {
    let plain = user().under(&under(keycloak::profile())).unwrap();
    assert!(plain.current_actor().is_none());
    let mapped = under(keycloak::profile().allow_client_as_actor());
    let caller = user().under(&mapped).unwrap();
    assert_eq!(caller.current_actor().unwrap().subject(), "web-shop");
    let act = json!({"sub": "6a1b", "client_id": "gateway"});
    let delegated = user().with("act", act).under(&mapped).unwrap();
    assert_eq!(delegated.current_actor().unwrap().subject(), "6a1b");
    let alone = service_account().under(&mapped).unwrap();
    assert!(alone.current_actor().is_none());
}

/// TX-34
#[test]
fn scope_array_is_rejected() {
    let array = user().with("scope", json!(["openid"]));
    let refused = array.refusal(&under(keycloak::profile()));
    assert_eq!(refused, TokenError::InvalidClaim("scope"));
}

#[test]
fn issuer_is_one_realm() {
    let realm = keycloak::issuer("https://sso.example.com", "corp").unwrap();
    assert_eq!(realm, Issuer::new(REALM).unwrap());
    for bad in ["", "corp/", "a/b"] {
        let error = keycloak::issuer("https://sso.example.com", bad).unwrap_err();
        assert_eq!(error.field(), "realm");
    }
}
