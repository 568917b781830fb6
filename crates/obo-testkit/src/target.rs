//! Where the token is to be used: `audience` and `resource` (RFC 8693 §2.1, RFC 8707).

use url::Url;

use crate::form::Form;
use crate::oauth_error::OAuthError;
use crate::state::State;

/// The allowed ones of the requested targets, in order and none twice.
///
/// One that is not allowed refuses the request, unless the server narrows and another one is left.
pub(crate) fn requested(
    state: &State,
    form: &Form,
    allowed: impl Fn(&str) -> bool,
) -> Result<Vec<String>, OAuthError> {
    for resource in form.all("resource") {
        // A fragment, even an empty one, and a relative reference are what RFC 8707 §2 rules out.
        if Url::parse(resource).is_err() || resource.contains('#') {
            let text = format!("resource {resource} is not an absolute URI without fragment");
            return Err(OAuthError::invalid_target(text));
        }
    }
    let mut targets: Vec<String> = Vec::new();
    let mut refused = None;
    for (kind, target) in ["audience", "resource"]
        .into_iter()
        .flat_map(|kind| form.all(kind).map(move |target| (kind, target)))
    {
        if !allowed(target) {
            refused
                .get_or_insert_with(|| format!("{kind} {target} is not allowed for this client"));
        } else if !targets.iter().any(|known| known == target) {
            targets.push(target.to_owned());
        }
    }
    match refused {
        Some(text) if targets.is_empty() || !state.narrows_targets() => {
            Err(OAuthError::invalid_target(text))
        }
        _ => Ok(targets),
    }
}
