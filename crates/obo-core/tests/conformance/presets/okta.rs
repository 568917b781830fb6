//! <https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token>

use obo_core::dialect::okta;
use obo_core::{Policy, PrincipalKind, TokenError};
use serde_json::json;

use super::{Recorded, policy, scope};

fn custom_server() -> Policy {
    let issuer = "https://example.okta.com/oauth2/aus9o8wzkhckw9TLa0h7z";
    policy(issuer, "api://orders", okta::profile())
}

fn user() -> Recorded {
    Recorded::new(
        None,
        r#"{
          "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
          "iss": "https://example.okta.com/oauth2/aus9o8wzkhckw9TLa0h7z", "aud": "api://orders",
          "iat": 1467145094, "exp": 1467148694, "cid": "nmdP1fcyvdVO11AL7ECm",
          "uid": "00ujmkLgagxeRrAg20g3", "scp": ["openid", "email", "orders:read"],
          "auth_time": 1467145000, "sub": "john.doe@example.com", "groups": ["Everyone", "Buyers"]
        }"#,
    )
}

fn client_for_itself() -> Recorded {
    let token = user().without("uid").without("auth_time").without("groups");
    token
        .with("sub", "nmdP1fcyvdVO11AL7ECm")
        .with("scp", json!(["orders:read"]))
}

#[test]
fn ot_01_tx_34_a_user_with_scope_in_an_array() {
    let caller = user().under(&custom_server()).unwrap();
    assert_eq!(caller.subject(), "john.doe@example.com");
    assert_eq!(caller.client_id(), Some("nmdP1fcyvdVO11AL7ECm"));
    assert_eq!(caller.scope(), &scope(["openid", "email", "orders:read"]));
    assert_eq!(caller.kind(), PrincipalKind::User);
    assert!(caller.groups().eq(["Everyone", "Buyers"]));
    for bad in [
        json!("openid email"),
        json!(["a b"]),
        json!([1]),
        json!({}),
        json!(null),
    ] {
        let refused = user().with("scp", bad).refusal(&custom_server());
        assert_eq!(refused, TokenError::InvalidClaim("scp"));
    }
}

#[test]
fn at_11_a_client_for_itself_is_a_service() {
    for token in [
        client_for_itself(),
        client_for_itself().with("sub", "renamed"),
    ] {
        let caller = token.under(&custom_server()).unwrap();
        assert_eq!(caller.kind(), PrincipalKind::Service);
    }
}

#[test]
fn at_13_an_id_token_is_refused() {
    let id_token = Recorded::new(
        None,
        r#"{
          "ver": 1, "sub": "00uid4BxXw6I6TV4m0g3", "iss": "https://example.okta.com/oauth2/aus9o8wzkhckw9TLa0h7z",
          "aud": "api://orders", "iat": 1449624026, "exp": 1449627626, "amr": ["pwd"],
          "jti": "ID.4eAWJOCMB3SX8XewDfVR", "auth_time": 1449624026,
          "preferred_username": "jane.doe@example.com", "idp": "00ok1u7AsAkrwdZL3z0g3"
        }"#,
    );
    let refused = id_token.refusal(&custom_server());
    assert_eq!(refused, TokenError::MissingClaim("cid"));
    let hashed = user().with("at_hash", "cpqKfdQA5eH891Ff5oJr_Q");
    assert!(matches!(
        hashed.refusal(&custom_server()),
        TokenError::NotAnAccessToken(_)
    ));
}
