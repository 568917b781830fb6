//! Issues what was granted: an RFC 9068 access token or an opaque one, with the other members.

use serde_json::{Value, json};

use crate::scope::Granted;
use crate::state::State;
use crate::token_builder::TokenBuilder;

/// The token, and the rest of a successful response (RFC 6749 §5.1); never a refresh token.
///
/// The token expires at `not_after` at the latest.
pub(crate) fn response(
    state: &State,
    mut token: TokenBuilder,
    targets: &[String],
    granted: Granted,
    not_after: Option<i64>,
) -> Value {
    let (now, settings) = (state.now(), state.settings());
    let lifetime_end = now + settings.lifetime;
    let exp = not_after.map_or(lifetime_end, |end| end.min(lifetime_end));
    for target in targets {
        token = token.audience(target);
    }
    if let Some(scope) = &granted.scope {
        token = token.scope(scope);
    }
    let token = token.claim("exp", exp);
    let token = match settings.issues_opaque {
        true => token.mint_opaque(),
        false => token.mint(),
    };
    let mut response =
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": exp - now });
    if granted.differs {
        response["scope"] = granted.scope.unwrap_or_default().into();
    }
    response
}
