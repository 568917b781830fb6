//! The scope of a token.

use crate::oauth_error::OAuthError;
use crate::registration::Registration;

/// The granted scope, and whether the response must state it (RFC 6749 §5.1).
#[derive(Default)]
pub(crate) struct Granted {
    pub(crate) scope: Option<String>,
    pub(crate) differs: bool,
}

/// Grants the requested scope, or `default` when none was requested, as far as the client may have
/// it at every target.
pub(crate) fn grant(
    client: &Registration,
    targets: &[String],
    requested: Option<&str>,
    default: Option<&str>,
) -> Result<Granted, OAuthError> {
    let Some(wanted) = requested.or(default) else {
        return Ok(Granted::default());
    };
    let allowed = wanted
        .split(' ')
        .filter(|scope| !scope.is_empty() && client.may_have(scope, targets));
    let scope = allowed.collect::<Vec<_>>().join(" ");
    if scope.is_empty() && requested.is_some() {
        let text = "no requested scope is allowed at every requested target";
        return Err(OAuthError::new("invalid_scope", text));
    }
    let differs = requested != Some(scope.as_str());
    let scope = (!scope.is_empty()).then_some(scope);
    Ok(Granted { scope, differs })
}
