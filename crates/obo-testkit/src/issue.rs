//! Signing what was granted: an RFC 9068 access token, or an opaque one, and the members every answer has.

use serde_json::{Value, json};

use crate::jwt::{self, Object};
use crate::random;
use crate::scope::Granted;
use crate::state::State;
use crate::token_builder::audience_claim;

pub(crate) struct Grant<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) targets: &'a [String],
    pub(crate) granted: Granted,
    /// The latest moment the token may live to.
    pub(crate) not_after: Option<i64>,
    /// `sub`, and what else differs from grant to grant.
    pub(crate) claims: Object,
}

/// The token and the rest of a successful answer (RFC 6749 §5.1); never a refresh token.
pub(crate) fn answer(state: &State, grant: Grant<'_>) -> Value {
    let now = state.now();
    let lifetime_end = now + state.lifetime();
    let exp = grant
        .not_after
        .map_or(lifetime_end, |end| end.min(lifetime_end));
    let mut claims = grant.claims;
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("iss", state.issuer.as_str().into());
    set(
        "aud",
        audience_claim(grant.targets).unwrap_or_else(|| state.issuer.as_str().into()),
    );
    set("client_id", grant.client_id.into());
    set("iat", now.into());
    set("exp", exp.into());
    set("jti", random::jti().into());
    if let Some(scope) = &grant.granted.scope {
        set("scope", scope.as_str().into());
    }

    let key = state.keys().current(state.signing);
    let mut header = Object::new();
    header.insert("typ".to_owned(), "at+jwt".into());
    header.insert("alg".to_owned(), state.signing.as_str().into());
    header.insert("kid".to_owned(), key.kid.into());

    let token = match state.issues_opaque() {
        true => state.tokens().issue(claims),
        false => jwt::encode(&header, &claims, &key.key),
    };
    let mut answer =
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": exp - now });
    if grant.granted.differs {
        answer["scope"] = grant.granted.scope.unwrap_or_default().into();
    }
    answer
}
