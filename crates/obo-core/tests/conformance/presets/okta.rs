//! <https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token>

use obo_core::dialect::okta;
use obo_core::{Policy, PrincipalKind, TokenError};
use serde_json::json;

use super::{Recorded, facts, policy, scope};

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

/// OT-01, TX-34
#[test]
fn scope_array_gives_a_user() {
    let caller = user().under(&custom_server()).unwrap();
    assert_eq!(caller.subject(), "john.doe@example.com");
    assert_eq!(caller.client_id(), Some("nmdP1fcyvdVO11AL7ECm"));
    assert_eq!(caller.scope(), &scope(["openid", "email", "orders:read"]));
    assert_eq!(caller.kind(), PrincipalKind::User);
    assert!(caller.groups().eq(["Everyone", "Buyers"]));
    for bad in [json!("openid email"), json!(["a b"]), json!([1]), json!({})] {
        let refused = user().with("scp", bad).refusal(&custom_server());
        assert_eq!(refused, TokenError::InvalidClaim("scp"));
    }
    // Null is malformed in a token, and absent in a response.
    let null = user().with("scp", json!(null));
    let refused = null.read(&custom_server()).unwrap_err();
    assert_eq!(refused, TokenError::InvalidClaim("scp"));
    let introspected = null.introspected(&custom_server()).unwrap();
    assert!(introspected.scope().is_empty());
}

/// AT-11
#[test]
fn client_for_itself_is_a_service() {
    for token in [
        client_for_itself(),
        client_for_itself().with("sub", "renamed"),
    ] {
        let caller = token.under(&custom_server()).unwrap();
        assert_eq!(caller.kind(), PrincipalKind::Service);
    }
}

/// As in the vendor's reference of the introspection endpoint.
fn introspected_user() -> Recorded {
    Recorded::new(
        None,
        r#"{
          "scope": "openid email orders:read", "username": "john.doe@example.com",
          "exp": 1467148694, "iat": 1467145094, "sub": "john.doe@example.com", "aud": "api://orders",
          "iss": "https://example.okta.com/oauth2/aus9o8wzkhckw9TLa0h7z",
          "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
          "client_id": "nmdP1fcyvdVO11AL7ECm", "uid": "00ujmkLgagxeRrAg20g3"
        }"#,
    )
}

/// OT-01, IN-05
#[test]
fn response_uses_rfc_7662_names() {
    let introspected = introspected_user().introspected(&custom_server()).unwrap();
    let read = user().without("auth_time").without("groups");
    let read = read.under(&custom_server()).unwrap();
    assert_eq!(facts(&introspected), facts(&read));
    let service = introspected_user().without("uid").without("username");
    let service = service.with("sub", "nmdP1fcyvdVO11AL7ECm");
    let service = service.introspected(&custom_server()).unwrap();
    assert_eq!(service.kind(), PrincipalKind::Service);
    // The token's own claims come first, and a JWT has no others.
    let both = user().with("scope", "admin").with("client_id", "other");
    let both = both.introspected(&custom_server()).unwrap();
    assert_eq!(both.client_id(), Some("nmdP1fcyvdVO11AL7ECm"));
    assert!(!both.scope().contains("admin"));
    let refused = introspected_user().read(&custom_server()).unwrap_err();
    assert_eq!(refused, TokenError::MissingClaim("cid"));
    for (member, bad) in [("scope", json!(["openid"])), ("client_id", json!(1))] {
        let refused = introspected_user()
            .with(member, bad)
            .introspected(&custom_server());
        assert_eq!(refused.unwrap_err(), TokenError::InvalidClaim(member));
    }
    let no_client = introspected_user()
        .without("client_id")
        .introspected(&custom_server());
    assert_eq!(no_client.unwrap_err(), TokenError::MissingClaim("cid"));
}

/// AT-13
#[test]
fn id_token_is_rejected() {
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
