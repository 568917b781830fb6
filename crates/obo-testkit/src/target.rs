//! The targets of a token: `audience` and `resource` (RFC 8693 §2.1, RFC 8707).

use std::collections::BTreeSet;

use url::Url;

use crate::form::Form;
use crate::oauth_error::{OAuthError, require};
use crate::state::State;

/// The allowed ones of the requested targets, in order and without repeats.
///
/// A target that is not allowed refuses the request, unless the server narrows and another is left.
pub(crate) fn requested(
    state: &State,
    form: &Form,
    allowed: &BTreeSet<String>,
) -> Result<Vec<String>, OAuthError> {
    for resource in form.all("resource") {
        // RFC 8707 §2 forbids a fragment, even an empty one, and a relative reference.
        let is_legal = Url::parse(resource).is_ok() && !resource.contains('#');
        let text = format!("resource {resource} is not an absolute URI without fragment");
        require(is_legal, "invalid_target", text)?;
    }
    let mut targets: Vec<String> = Vec::new();
    let mut refused = None;
    for kind in ["audience", "resource"] {
        for target in form.all(kind) {
            if !allowed.contains(target) {
                let text = || format!("{kind} {target} is not allowed for this client");
                refused.get_or_insert_with(text);
            } else if !targets.iter().any(|known| known == target) {
                targets.push(target.to_owned());
            }
        }
    }
    match refused {
        Some(text) if targets.is_empty() || !state.settings.lock().narrows_targets => {
            Err(OAuthError::new("invalid_target", text))
        }
        _ => Ok(targets),
    }
}
