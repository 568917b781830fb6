//! <https://cloud.google.com/docs/authentication/token-types>

use obo_core::dialect::google;
use obo_core::{Policy, PrincipalKind, TokenError};

use super::{Recorded, policy};

fn service() -> Policy {
    policy(
        google::ISSUER,
        "https://orders.example.com",
        google::profile(),
    )
}

fn service_account() -> Recorded {
    Recorded::new(
        Some("JWT"),
        r#"{
          "aud": "https://orders.example.com", "azp": "112010400000000710080",
          "email": "stock@my-project.iam.gserviceaccount.com", "email_verified": true,
          "exp": 1735693200, "iat": 1735689600, "iss": "https://accounts.google.com",
          "sub": "112010400000000710080"
        }"#,
    )
}

/// AT-11
#[test]
fn service_account_has_no_scope() {
    let caller = service_account().with("scope", "admin").under(&service());
    let caller = caller.unwrap();
    assert_eq!(caller.subject(), "112010400000000710080");
    assert_eq!(caller.kind(), PrincipalKind::Service);
    assert!(caller.scope().is_empty());
}

/// AT-13
#[test]
fn personal_id_token_is_rejected() {
    let sign_in = service_account().with("azp", "1234987819200.apps.googleusercontent.com");
    let refused = sign_in.with("hd", "example.com").refusal(&service());
    assert_eq!(refused, TokenError::UnexpectedClaim("sub"));
    let refused = service_account().without("azp").refusal(&service());
    assert_eq!(refused, TokenError::MissingClaim("azp"));
    let hashed = service_account().with("at_hash", "HK6E_P6Dh8Y93mRNtsDB1Q");
    assert!(matches!(
        hashed.refusal(&service()),
        TokenError::NotAnAccessToken(_)
    ));
    let other = service_account().with("aud", "https://stock.example.com");
    assert!(matches!(
        other.refusal(&service()),
        TokenError::Audience { .. }
    ));
}
