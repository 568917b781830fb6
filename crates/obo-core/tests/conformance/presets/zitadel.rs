//! <https://zitadel.com/docs/apis/openidoauth/claims>

use obo_core::dialect::zitadel;
use obo_core::{Policy, PrincipalKind, TokenError};
use serde_json::json;

use super::{Recorded, policy, roles};

fn instance() -> Policy {
    policy(
        "https://corp-a1b2c3.zitadel.cloud",
        "232190904182177",
        zitadel::profile(),
    )
}

fn user() -> Recorded {
    Recorded::new(
        None,
        r#"{
          "iss": "https://corp-a1b2c3.zitadel.cloud", "sub": "259242039378444290",
          "aud": ["259254020357488642@orders", "232190904182177"],
          "exp": 1710534672, "iat": 1710491472, "nbf": 1710491472, "client_id": "259254020357488642@orders",
          "jti": "V2_259255416083578882-at_259255416083644418",
          "urn:zitadel:iam:org:project:roles": {"approver": {"170086824411201793": "corp.zitadel.cloud"}}
        }"#,
    )
}

/// OT-01
#[test]
fn role_names_are_object_members() {
    let caller = user().under(&instance()).unwrap();
    assert_eq!(caller.subject(), "259242039378444290");
    assert_eq!(caller.client_id(), Some("259254020357488642@orders"));
    assert_eq!(roles(&caller), ["approver"]);
    assert_eq!(caller.kind(), PrincipalKind::User);
    assert!(caller.scope().is_empty());
    let azp = user()
        .without("client_id")
        .with("azp", "x")
        .under(&instance());
    assert_eq!(azp.unwrap().client_id(), Some("x"));
    let named = user().with("urn:zitadel:iam:org:project:roles", json!(["approver"]));
    assert!(roles(&named.under(&instance()).unwrap()).is_empty());
}

/// TX-24
#[test]
fn exchange_actor_is_current() {
    let act = json!({"iss": "https://corp-a1b2c3.zitadel.cloud", "sub": "259241944654282754"});
    let caller = user().with("act", act).under(&instance()).unwrap();
    assert_eq!(
        caller.current_actor().unwrap().subject(),
        "259241944654282754"
    );
}

/// AT-13
#[test]
fn id_token_is_rejected() {
    for (claim, value) in [
        ("auth_time", json!(1710491400)),
        ("amr", json!(["pwd"])),
        ("sid", json!("V1_259255416083578882")),
        ("at_hash", json!("w7mUVtOmNlVSj2mVhbBMzA")),
        ("nonce", json!("n")),
    ] {
        let refused = user().with(claim, value).refusal(&instance());
        assert!(
            matches!(refused, TokenError::NotAnAccessToken(_)),
            "{claim}"
        );
    }
    let refused = user().without("jti").refusal(&instance());
    assert_eq!(refused, TokenError::MissingClaim("jti"));
}
