use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;

/// The registered client; with a secret to check, only if it is the right one.
pub(crate) fn registered(
    state: &State,
    id: &str,
    secret: Option<&str>,
) -> Result<Registration, OAuthError> {
    let client = state.clients().get(id).cloned().ok_or_else(refused)?;
    let right = secret.is_none_or(|secret| client.secret.as_deref() == Some(secret));
    if right { Ok(client) } else { Err(refused()) }
}

/// One text for every reason, as a real server would not tell which part was wrong.
pub(crate) fn refused() -> OAuthError {
    OAuthError::invalid_client("client authentication failed")
}
