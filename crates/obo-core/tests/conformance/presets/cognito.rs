//! <https://docs.aws.amazon.com/cognito/latest/developerguide/>, the page on the access token.

use obo_core::dialect::cognito;
use obo_core::{Policy, PolicyBuilder, PrincipalKind, TokenError};
use serde_json::json;

use super::{Recorded, scope};

const CLIENT: &str = "1example23456789";

fn pool() -> Policy {
    builder().build().unwrap()
}

fn builder() -> PolicyBuilder {
    let issuer = cognito::issuer("us-west-2_example").unwrap();
    let policy = Policy::builder(issuer).audience(CLIENT);
    policy.profile(cognito::profile())
}

fn user() -> Recorded {
    Recorded::new(
        None,
        r#"{
          "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
          "device_key": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": ["testgroup"],
          "iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example", "version": 2,
          "client_id": "1example23456789", "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
          "event_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "token_use": "access",
          "scope": "phone openid profile resourceserver.1/appclient2 email", "auth_time": 1676313851,
          "exp": 1676317451, "iat": 1676313851, "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
          "username": "my-test-user"
        }"#,
    )
}

fn not_for_us(seen: &str) -> TokenError {
    TokenError::Audience {
        expected: CLIENT.into(),
        seen: seen.to_owned(),
    }
}

/// AT-04, OT-01
#[test]
fn client_id_replaces_missing_aud() {
    let caller = user().under(&pool()).unwrap();
    assert_eq!(caller.subject(), "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    assert_eq!(caller.client_id(), Some(CLIENT));
    assert!(caller.audience().eq([CLIENT]));
    assert!(
        caller
            .scope()
            .contains_all(&scope(["openid", "resourceserver.1/appclient2"]))
    );
    assert!(caller.groups().eq(["testgroup"]));
    assert_eq!(caller.kind(), PrincipalKind::User);

    assert_eq!(
        user().with("client_id", "2other").refusal(&pool()),
        not_for_us(r#""2other""#)
    );
    let nobodys = user().without("client_id").refusal(&pool());
    assert_eq!(nobodys, TokenError::MissingClaim("client_id"));
    for odd in [json!(""), json!([CLIENT])] {
        let refused = user().with("client_id", odd).refusal(&pool());
        assert_eq!(refused, TokenError::InvalidClaim("client_id"));
    }
    // Null is malformed in a token, and absent in a response.
    let null = user().with("client_id", json!(null));
    let refused = null.read(&pool()).unwrap_err();
    assert_eq!(refused, TokenError::InvalidClaim("client_id"));
    let refused = null.introspected(&pool()).unwrap_err();
    assert_eq!(refused, TokenError::MissingClaim("client_id"));
}

/// AT-04
#[test]
fn present_aud_decides_alone() {
    let api = "https://orders.example.com";
    let bound = user().with("aud", api);
    assert_eq!(bound.refusal(&pool()), not_for_us(&format!("{api:?}")));
    let no_audience = user().with("aud", json!([])).refusal(&pool());
    assert_eq!(no_audience, not_for_us("none"));
    let with_api = builder().audience(api).build().unwrap();
    bound.under(&with_api).unwrap();
    // For any client: it requested this resource.
    bound.with("client_id", "2other").under(&with_api).unwrap();
}

/// AT-13
#[test]
fn id_token_is_rejected() {
    let id_token = Recorded::new(
        None,
        r#"{
          "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": ["test-group-a"],
          "email_verified": true, "iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example",
          "cognito:username": "my-test-user", "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
          "aud": "1example23456789", "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
          "token_use": "id", "auth_time": 1676312777, "exp": 1676316377, "iat": 1676312777,
          "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "email": "my-test-user@example.com"
        }"#,
    );
    let refused = id_token.refusal(&pool());
    assert_eq!(refused, TokenError::MissingClaim("client_id"));
    let refused = id_token.with("client_id", CLIENT).refusal(&pool());
    assert!(matches!(refused, TokenError::NotAnAccessToken(_)));
    let refused = user().with("token_use", "other").refusal(&pool());
    assert!(matches!(refused, TokenError::NotAnAccessToken(_)));
    let refused = user().without("token_use").refusal(&pool());
    assert_eq!(refused, TokenError::MissingClaim("token_use"));
}

/// AT-11
#[test]
fn client_for_itself_is_a_service() {
    let token = user().without("username").with("sub", CLIENT);
    for token in [token.clone(), token.with("sub", "x")] {
        let caller = token.under(&pool()).unwrap();
        assert_eq!(caller.kind(), PrincipalKind::Service);
    }
}

#[test]
fn pool_includes_its_region() {
    let issuer = cognito::issuer("eu-central-1_AbC").unwrap();
    let expected = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC";
    assert_eq!(issuer.as_str(), expected);
    for bad in ["", "_", "eu_", "_x", "evil.example/_x", "eu_a/b", "eu_a_b"] {
        assert_eq!(cognito::issuer(bad).unwrap_err().field(), "pool", "{bad}");
    }
}
