//! <https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles>

use obo_core::dialect::auth0;
use obo_core::{Policy, PrincipalKind, Profile, TokenError};
use serde_json::json;

use super::{Recorded, policy, roles, scope};

fn api(profile: Profile) -> Policy {
    policy(
        "https://my-domain.auth0.com/",
        "https://example.com/health-api",
        profile,
    )
}

fn own_profile() -> Recorded {
    Recorded::new(
        Some("JWT"),
        r#"{
          "iss": "https://my-domain.auth0.com/", "sub": "auth0|123456",
          "aud": ["https://example.com/health-api", "https://my-domain.auth0.com/userinfo"],
          "azp": "my_client_id", "exp": 1311281970, "iat": 1311280970,
          "scope": "openid profile read:patients read:admin", "permissions": ["read:patients"]
        }"#,
    )
}

fn rfc9068_profile() -> Recorded {
    let token = own_profile().typ(Some("at+jwt")).without("azp");
    token
        .with("client_id", "my_client_id")
        .with("jti", "73WakrfVbNJBaAmhQtEeDv")
}

/// OT-01
#[test]
fn both_auth0_profiles_give_a_user() {
    for token in [own_profile(), rfc9068_profile()] {
        let caller = token.under(&api(auth0::profile())).unwrap();
        assert_eq!(caller.subject(), "auth0|123456");
        assert_eq!(caller.client_id(), Some("my_client_id"));
        let granted = scope(["openid", "profile", "read:patients", "read:admin"]);
        assert_eq!(caller.scope(), &granted);
        assert_eq!(caller.kind(), PrincipalKind::User);
    }
    rfc9068_profile().under(&api(Profile::RFC9068)).unwrap();
    let permissions = auth0::profile().roles_from(&["permissions"]);
    let caller = own_profile().under(&api(permissions)).unwrap();
    assert_eq!(roles(&caller), ["read:patients"]);
}

/// AT-11
#[test]
fn client_for_itself_is_a_service() {
    let machine = own_profile().with("sub", "my_client_id@clients");
    let marked = own_profile().with("gty", "client-credentials");
    for token in [machine, marked] {
        let caller = token.under(&api(auth0::profile())).unwrap();
        assert_eq!(caller.kind(), PrincipalKind::Service);
    }
}

/// AT-13
#[test]
fn id_token_is_rejected() {
    let id_token = Recorded::new(
        Some("JWT"),
        r#"{
          "given_name": "Jane", "nickname": "jane", "name": "Jane Doe", "updated_at": "2011-07-21T20:42:50.000Z",
          "email": "jane@example.com", "email_verified": true, "iss": "https://my-domain.auth0.com/",
          "aud": "https://example.com/health-api", "sub": "auth0|123456", "iat": 1311280970, "exp": 1311281970,
          "sid": "mP6G8BrnOTlLzTgYUYZT"
        }"#,
    );
    let refused = id_token.refusal(&api(auth0::profile()));
    assert_eq!(refused, TokenError::MissingClaim("azp"));
    let with_nonce = own_profile().with("nonce", "n-0S6_WzA2Mj");
    assert!(matches!(
        with_nonce.refusal(&api(auth0::profile())),
        TokenError::NotAnAccessToken(_)
    ));
}

/// TX-34
#[test]
fn scope_array_is_rejected() {
    let array = own_profile().with("scope", json!(["openid"]));
    let refused = array.refusal(&api(auth0::profile()));
    assert_eq!(refused, TokenError::InvalidClaim("scope"));
}
