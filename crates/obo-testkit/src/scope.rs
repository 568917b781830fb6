//! What the token is good for.

use crate::oauth_error::OAuthError;
use crate::registration::Registration;

/// The granted scope, and whether the answer has to say so (RFC 6749 §5.1).
pub(crate) struct Granted {
    pub(crate) scope: Option<String>,
    pub(crate) differs: bool,
}

/// Grants the requested scope, or `default` when none was requested, as far as the client may have it
/// at every target.
pub(crate) fn grant(
    client: &Registration,
    targets: &[String],
    requested: Option<&str>,
    default: Option<&str>,
) -> Result<Granted, OAuthError> {
    let Some(wanted) = requested.or(default) else {
        return Ok(Granted {
            scope: None,
            differs: false,
        });
    };
    let allowed = wanted
        .split(' ')
        .filter(|scope| !scope.is_empty() && client.may_have(scope, targets));
    let scope = allowed.collect::<Vec<_>>().join(" ");
    if scope.is_empty() && requested.is_some() {
        return Err(OAuthError::invalid_scope(
            "no requested scope is allowed at every requested target",
        ));
    }
    let differs = requested != Some(scope.as_str());
    Ok(Granted {
        scope: (!scope.is_empty()).then_some(scope),
        differs,
    })
}
