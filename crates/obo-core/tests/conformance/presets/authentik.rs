//! <https://docs.goauthentik.io/add-secure-apps/providers/oauth2/>

use obo_core::dialect::authentik;
use obo_core::{Policy, PrincipalKind, TokenError};
use serde_json::json;

use super::{Recorded, policy};

fn application() -> Policy {
    let issuer = authentik::issuer("https://auth.example.com", "orders").unwrap();
    policy(
        issuer.as_str(),
        "GPLEw5f9mWf0qF3GKRaU",
        authentik::profile(),
    )
}

fn user() -> Recorded {
    Recorded::new(
        Some("JWT"),
        r#"{
          "iss": "https://auth.example.com/application/o/orders/",
          "sub": "5f1a6e43d2ac25a1ec1ee4b3d2a7b1c2e3f405162738495a6b7c8d9e0f1a2b3c",
          "aud": "GPLEw5f9mWf0qF3GKRaU", "exp": 1735689900, "iat": 1735689600, "auth_time": 1735689600,
          "acr": "goauthentik.io/providers/oauth2/default", "amr": ["pwd"], "nonce": "8d4c0ff", "sid": "0a1b2c",
          "email": "alice@example.com", "email_verified": true, "preferred_username": "alice",
          "groups": ["authentik Admins", "buyers"], "azp": "GPLEw5f9mWf0qF3GKRaU", "uid": "o5mVZy1Jv4aX"
        }"#,
    )
}

/// OT-01
#[test]
fn user_token_may_have_a_nonce() {
    let caller = user().under(&application()).unwrap();
    assert_eq!(caller.client_id(), Some("GPLEw5f9mWf0qF3GKRaU"));
    assert_eq!(caller.kind(), PrincipalKind::User);
    assert!(caller.groups().eq(["authentik Admins", "buyers"]));
    assert!(caller.current_actor().is_none());
}

/// AT-13
#[test]
fn id_token_is_rejected() {
    let id_token = user().without("azp").without("uid");
    for token in [id_token.clone(), id_token.with("at_hash", "x")] {
        let refused = token.refusal(&application());
        assert_eq!(refused, TokenError::MissingClaim("azp"));
    }
    let refused = user().without("uid").refusal(&application());
    assert_eq!(refused, TokenError::MissingClaim("uid"));
    let refused = user().with("events", json!({})).refusal(&application());
    assert!(matches!(refused, TokenError::NotAnAccessToken(_)));
}

/// AT-11
#[test]
fn client_credentials_are_a_service() {
    let token = user().with("preferred_username", "ak-orders-client_credentials");
    let caller = token.under(&application()).unwrap();
    assert_eq!(caller.kind(), PrincipalKind::Service);
}

#[test]
fn issuer_is_one_application() {
    for bad in ["", "orders/", "a/b"] {
        let error = authentik::issuer("https://auth.example.com", bad).unwrap_err();
        assert_eq!(error.field(), "slug");
    }
}
