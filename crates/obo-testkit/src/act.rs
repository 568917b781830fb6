//! The actor claims of RFC 8693 §4.1 and §4.4.

use serde_json::{Value, json};

use crate::oauth_error::{OAuthError, require};

/// The acting party outermost, the previous `act` nested inside.
pub(crate) fn delegate(acting: &str, prior: Option<&Value>) -> Value {
    let mut act = json!({ "sub": acting });
    if let Some(prior) = prior {
        act["act"] = identity_only(prior.clone());
    }
    act
}

/// `exp`, `nbf` and `aud` have no meaning inside `act`, so they are not passed on.
fn identity_only(mut act: Value) -> Value {
    if let Some(members) = act.as_object_mut() {
        members.retain(|name, _| !["exp", "nbf", "aud"].contains(&name.as_str()));
        if let Some(prior) = members.get_mut("act") {
            *prior = identity_only(prior.take());
        }
    }
    act
}

/// Whether `may_act` names the acting party: by `sub`, by `iss` and `sub`, or by `client_id`.
///
/// Each of these members that is present must match, and `sub` or `client_id` must be present.
pub(crate) fn check_may_act(
    may_act: &Value,
    issuer: &str,
    acting: &str,
    client_id: &str,
) -> Result<(), OAuthError> {
    let matches = |name: &str, own: &str| may_act.get(name).is_none_or(|value| value == own);
    let names_a_party = may_act.get("sub").is_some() || may_act.get("client_id").is_some();
    let is_named = names_a_party
        && matches("sub", acting)
        && matches("iss", issuer)
        && matches("client_id", client_id);
    let text = format!("{acting} may not act for this subject");
    require(is_named, "invalid_request", text)
}
