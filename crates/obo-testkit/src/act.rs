//! The actor claims of RFC 8693 §4.1 and §4.4.

use serde_json::{Value, json};

use crate::oauth_error::OAuthError;

/// The acting party outermost, what was `act` so far nested inside.
pub(crate) fn delegate(acting: &str, prior: Option<&Value>) -> Value {
    let mut act = json!({ "sub": acting });
    if let Some(prior) = prior {
        act["act"] = identity_only(prior);
    }
    act
}

/// `exp`, `nbf` and `aud` have no meaning inside `act`: they are not passed on.
fn identity_only(act: &Value) -> Value {
    let Value::Object(members) = act else {
        return act.clone();
    };
    let identity = members
        .iter()
        .filter(|(name, _)| !["exp", "nbf", "aud"].contains(&name.as_str()));
    let nested = |name: &str, value: &Value| {
        if name == "act" {
            identity_only(value)
        } else {
            value.clone()
        }
    };
    identity
        .map(|(name, value)| (name.clone(), nested(name, value)))
        .collect()
}

/// Whether `may_act` names the acting party: by `sub`, by `iss` and `sub`, or by `client_id`.
///
/// Every one of these members that is present has to match, and one that names somebody has to be.
pub(crate) fn check_may_act(
    may_act: &Value,
    issuer: &str,
    acting: &str,
    client_id: &str,
) -> Result<(), OAuthError> {
    let agrees = |name: &str, own: &str| {
        may_act
            .get(name)
            .is_none_or(|value| value.as_str() == Some(own))
    };
    let names_somebody = may_act.get("sub").is_some() || may_act.get("client_id").is_some();
    match names_somebody
        && agrees("sub", acting)
        && agrees("iss", issuer)
        && agrees("client_id", client_id)
    {
        true => Ok(()),
        false => Err(OAuthError::invalid_request(format!(
            "{acting} may not act for this subject"
        ))),
    }
}
