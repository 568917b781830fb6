//! Issues what is granted: an RFC 9068 access token or an opaque one, with the other members.

use serde_json::{Value, json};

use crate::oauth_error::{OAuthError, require};
use crate::registration::Registration;
use crate::state::State;
use crate::token_builder::TokenBuilder;

/// What the client has proven, by thumbprint.
pub(crate) struct Binding {
    /// The key of a proof (RFC 9449 §6.1).
    pub(crate) jkt: Option<String>,
    /// The certificate of the connection (RFC 8705 §3.1).
    pub(crate) certificate: Option<String>,
}

/// A successful response (RFC 6749 §5.1); never a refresh token.
///
/// Grants the requested scope, or `default` when none was requested, as far as the client may have
/// it at every target. The token expires at `not_after` at the latest.
pub(crate) fn response(
    state: &State,
    client: &Registration,
    mut token: TokenBuilder,
    targets: &[String],
    [requested, default]: [Option<&str>; 2],
    not_after: Option<i64>,
    binding: &Binding,
) -> Result<Value, OAuthError> {
    let is_allowed = |scope: &&str| {
        let allowed_at = |target: &String| {
            let scopes = client.scopes.get(target);
            scopes.is_some_and(|scopes| scopes.contains(*scope))
        };
        let is_restricted = !client.scopes.is_empty();
        !scope.is_empty() && (!is_restricted || targets.iter().all(allowed_at))
    };
    let wanted = requested.or(default);
    let scopes = wanted.unwrap_or_default().split(' ').filter(is_allowed);
    let granted = scopes.collect::<Vec<_>>().join(" ");
    let is_granted = !granted.is_empty();
    let text = "no requested scope is allowed at every requested target";
    require(is_granted || requested.is_none(), "invalid_scope", text)?;
    for target in targets {
        token = token.audience(target);
    }
    if is_granted {
        token = token.scope(&granted);
    }
    let now = state.now();
    let lifetime_end = now + state.settings.lock().lifetime;
    let exp = not_after.unwrap_or(i64::MAX).min(lifetime_end);
    let mut token = token.claim("exp", exp);
    if let Some(jkt) = &binding.jkt {
        token = token.bound_to_thumbprint("jkt", jkt);
    }
    if let Some(certificate) = &binding.certificate {
        token = token.bound_to_thumbprint("x5t#S256", certificate);
    }
    let token_type = token_type(&token.claims());
    let is_opaque = state.settings.lock().issues_opaque;
    let token = match is_opaque {
        true => token.mint_opaque(),
        false => token.mint(),
    };
    let mut response =
        json!({ "access_token": token, "token_type": token_type, "expires_in": exp - now });
    // RFC 6749 §5.1 requires the scope if it is not the requested one.
    if wanted.is_some() && requested != Some(granted.as_str()) {
        response["scope"] = granted.into();
    }
    Ok(response)
}

/// The type of a token with these claims (RFC 9449 §5, §6.2).
pub(crate) fn token_type(claims: &Value) -> &'static str {
    match claims["cnf"].get("jkt") {
        Some(_) => "DPoP",
        None => "Bearer",
    }
}
